"""Do the learned reasons and the physics name the same organs?

The physics says which share of the lost lymphocytes each pool owns. The learned model says how far each organ moved its
odds from its average patient. The two answer different questions, so only their order is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lymphorisk.predict.explain import Explanation

#: Lymphocyte pool -> organ group of the explanation.
GROUP_OF = {
    "blood": "Blood",
    "spleen": "Spleen",
    "nodes": "LymphNodes",
    "marrow": "BoneMarrow",
    "gut": "Bowel",
    "lung": "Lungs",
}
#: With fewer pools known to both an order says nothing.
LEAST = 3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Physics and learned reasons side by side.

    Attributes
    ----------
    pairs : tuple of (str, float, float)
        Organ group, its share of the lymphocytes lost, and its learned contribution [logit], largest loss first.
    tau : float or None
        Kendall's tau of the two orders, 1 the same and -1 the opposite; None when fewer than three organs are known.
    sentence : str
        What that means, in words.
    """

    pairs: tuple[tuple[str, float, float], ...]
    tau: float | None
    sentence: str


def agreement(organ_share: Mapping[str, float], explanation: Explanation, missing: tuple[str, ...] = ()) -> Agreement:
    """Compare the order of organs in the physics' attribution and in the explanation.

    Parameters
    ----------
    organ_share : mapping of str to float
        Share of the lymphocytes lost by pool, from the forecast.
    explanation : Explanation
        Of the learned model.
    missing : tuple of str
        Organ groups whose features are all missing: they have no learned opinion and are left out.
    """
    learned = {g.name: g.log_odds for g in explanation.organs}
    pairs = tuple(
        sorted(
            (
                (group, float(organ_share[pool]), learned[group])
                for pool, group in GROUP_OF.items()
                if pool in organ_share and group in learned and group not in missing
            ),
            key=lambda row: -row[1],
        )
    )
    if len(pairs) < LEAST:
        return Agreement(pairs, None, "Too few organs are known to both to compare their order.")
    concordant = 0
    total = 0
    for i, (_, loss, odds) in enumerate(pairs):
        for _, other_loss, other_odds in pairs[i + 1 :]:
            product = (loss - other_loss) * (odds - other_odds)
            concordant += (product > 0) - (product < 0)
            total += 1
    tau = concordant / total
    top = pairs[0][0]
    most = max(pairs, key=lambda row: row[2])[0]
    same = f"both put {top} first" if top == most else f"the physics puts {top} first, the model {most}"
    return Agreement(pairs, tau, f"Order of {len(pairs)} organs: Kendall tau {tau:+.2f}; {same}.")

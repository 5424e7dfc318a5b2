"""Do the learned reasons and the physics name the same organs?

Both play one game with the same players, from the same patient without radiotherapy and drugs: the physics shares out
the lymphocytes lost, the learned model the log-odds of falling below a count. The scales differ, so only the order of
the organs is compared, and the share each has of its own sum stands beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from lymphorisk.features.schema import POOLS
from lymphorisk.predict.explain import Explanation

#: Player of the physics -> group of the explanation, where the two have the same player.
GROUP_OF = {pool: organ for pool, (organ, _) in POOLS.items()} | {"unexplained": "Plan", "chemo": "Drugs"}
#: Groups that are no organ: they stand in the table and take no part in the order.
NO_ORGAN = ("Plan", "Drugs")
#: With fewer pools known to both an order says nothing.
LEAST = 3
#: Shares nearer than this are not worth a sentence: assumed, a matter of wording.
APART = 0.1


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
        What that means, in words, and where the two differ most.
    others : tuple of (str, float, float)
        The same of players that are no organ: ``Plan`` (the loss that dose does not explain) and ``Drugs``.
    """

    pairs: tuple[tuple[str, float, float], ...]
    tau: float | None
    sentence: str
    others: tuple[tuple[str, float, float], ...] = ()


def agreement(
    organ_share: Mapping[str, float],
    explanation: Explanation,
    missing: Collection[str] = (),
    placed: Collection[str] = (),
) -> Agreement:
    """Compare the physics' shares of the lymphocytes lost with the model's reasons.

    Parameters
    ----------
    organ_share : mapping of str to float
        By player (`AlcForecast.organ_share`).
    explanation : Explanation
        Reasons of the learned model.
    missing : collection of str
        Organ groups whose features are missing: the model has no opinion on them.
    placed : collection of str
        Organ groups whose dose is that of placed organs.
    """
    learned = {g.name: g.log_odds for g in explanation.organs if g.name not in missing}
    rows = sorted(
        (
            (group, float(organ_share.get(player, 0.0)), learned[group])
            for player, group in GROUP_OF.items()
            if group in learned and (player in organ_share or group in NO_ORGAN)
        ),
        key=lambda row: -row[1],
    )
    pairs = tuple(row for row in rows if row[0] not in NO_ORGAN)
    others = tuple(row for row in rows if row[0] in NO_ORGAN)
    if len(pairs) < LEAST:
        return Agreement(pairs, None, "Too few organs are known to both to compare their order.", others)
    tau = kendall_tau(pairs)
    top = pairs[0][0]
    most = max(pairs, key=lambda row: row[2])[0]
    same = f"both put {top} first" if top == most else f"the physics puts {top} first, the model {most}"
    said = f"Order of {len(pairs)} organs: Kendall tau {tau:+.2f}; {same}. {_apart(pairs, placed)}"
    return Agreement(pairs, tau, said, others)


def kendall_tau(pairs: tuple[tuple[str, float, float], ...]) -> float:
    """Kendall's tau of the losses and the log-odds of `pairs`."""
    concordant = total = 0
    for i, (_, loss, odds) in enumerate(pairs):
        for _, other_loss, other_odds in pairs[i + 1 :]:
            product = (loss - other_loss) * (odds - other_odds)
            concordant += (product > 0) - (product < 0)
            total += 1
    return concordant / total


def _apart(pairs: tuple[tuple[str, float, float], ...], placed: Collection[str]) -> str:
    """One sentence on the organ whose shares differ most, and why that may be."""
    lost, moved = sum(p[1] for p in pairs), sum(max(p[2], 0.0) for p in pairs)
    if not lost > 0 or not moved > 0:
        return "One of the two finds no loss by dose."
    shares = {name: (loss / lost, max(odds, 0.0) / moved) for name, loss, odds in pairs}
    name = max(shares, key=lambda n: abs(shares[n][0] - shares[n][1]))
    physics, model = shares[name]
    if abs(physics - model) <= APART:
        return f"Of what organs add, the shares of none differ by more than {100 * APART:.0f} points."
    why = (
        "its dose is that of placed organs, whose error the model learned to discount"
        if name in placed and model < physics
        else "the physics counts cells lost, the model the odds of falling below a count, which flatten at high doses"
    )
    each = f"{100 * physics:.0f} % of the cells lost, {100 * model:.0f} % of the log-odds"
    return f"They differ most on {name}: {each}; {why}."

"""What is asked of a model with radiomics or dosiomics columns, item by item, and what it can answer itself.

The items are those of the radiomics quality score in this program's words. Nothing is scored: an item without an
answer stands in the card as not answered.

References
----------
Lambin P et al. Radiomics: the bridge between medical imaging and personalized medicine. Nat Rev Clin Oncol
2017;14:749-762; the sixteen items read as listed in Eur Radiol 2024;34:5802-5815, table 1
(doi:10.1007/s00330-024-10594-x).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lymphorisk.features import External
from lymphorisk.features.external import FROM_IMAGES

ITEMS: Mapping[str, str] = {
    "protocol": "Image protocol written down, and public or used elsewhere",
    "segmentations": "Regions drawn more than once (persons, programs, perturbed), and features that stay",
    "phantom": "Differences between scanners measured on a phantom",
    "time_points": "Images at several times, and features that stay",
    "reduction": "Features reduced, or tests adjusted for their number",
    "other_features": "Features that are no radiomics in the same model",
    "biology": "Biological correlates found or discussed",
    "cut_off": "Risk groups by a cut-off that was fixed before",
    "discrimination": "Discrimination with its uncertainty, by resampling",
    "calibration": "Calibration with its uncertainty, by resampling",
    "prospective": "Validated prospectively in a registered study",
    "validation": "The score validated on patients of other institutes",
    "gold_standard": "Compared with what is used today",
    "utility": "Use for decisions, such as a decision curve",
    "cost": "Cost-effectiveness",
    "open": "Open images, regions, features, code",
}
NOT_ANSWERED = "not answered"


def asked(columns: Sequence[External]) -> bool:
    """Whether any column is of images or of dose images."""
    return any(c.kind in FROM_IMAGES for c in columns)


def quality_items(columns: Sequence[External], answers: Mapping[str, str], others: int) -> list[dict[str, str]]:
    """The items with their answers; the model's own where its training shows them.

    Parameters
    ----------
    others : int
        Features of the model that are no radiomics.
    """
    own = {
        "other_features": f"{others} features of plan and patient",
        "discrimination": "AUC with a bootstrap interval over patients (evaluation)",
        "calibration": "slope and calibration in the large with bootstrap intervals (evaluation)",
        "utility": "decision curve with bootstrap intervals (evaluation)",
    }
    if not asked(columns):
        return []
    return [
        {"item": item, "about": about, "answer": answers.get(item) or own.get(item, NOT_ANSWERED)}
        for item, about in ITEMS.items()
    ]

"""What metrics are called on pages: as in `metrics.json`; another language says what they are."""

from libelle.language import N_, gettext

_NAMES = (
    N_("average_precision"),
    N_("roc_auc"),
    N_("log_loss"),
    N_("brier"),
    N_("expected_calibration_error"),
    N_("accuracy"),
    N_("precision"),
    N_("recall"),
    N_("f1"),
    N_("f1_macro"),
    N_("top_k_accuracy"),
)


def metric_name(name: str) -> str:
    """A metric, in the current language."""
    return gettext(name) if name in _NAMES else name

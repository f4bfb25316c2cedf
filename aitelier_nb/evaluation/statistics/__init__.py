"""Statistics of small human evaluations: pure functions over counts, votes and scores.

Exact where an exact method exists; what is undefined is None, never NaN and never a guess.
Votes are "W", "T", "L" and "B" (both bad), from the tuned side. Intervals are (low, high).
"""

from aitelier_nb.evaluation.statistics.judging import (
    BothOrders,
    Calibration,
    PredictionPowered,
    both_orders,
    judge_calibration,
    prediction_powered,
    rogan_gladen,
)
from aitelier_nb.evaluation.statistics.length import LengthControlled, length_controlled
from aitelier_nb.evaluation.statistics.outcomes import OUTCOMES, Counts, count
from aitelier_nb.evaluation.statistics.planning import VotesNeeded, scores_needed, votes_needed, wins_needed
from aitelier_nb.evaluation.statistics.proportions import (
    McNemar,
    Position,
    SignTest,
    WinRate,
    mcnemar,
    position_test,
    proportion_interval,
    sign_test,
    win_rate,
)
from aitelier_nb.evaluation.statistics.raters import (
    Agreement,
    Flips,
    SelfConsistency,
    agreement,
    flips,
    self_consistency,
)
from aitelier_nb.evaluation.statistics.scores import (
    MeanError,
    PairedDifference,
    mean_error,
    paired_difference,
)
from aitelier_nb.evaluation.statistics.sequences import Sequential, sequential
from aitelier_nb.evaluation.statistics.strengths import BradleyTerry, adjust, bradley_terry
from aitelier_nb.evaluation.statistics.verdict_rule import Verdict, verdict

__all__ = [
    "OUTCOMES",
    "Agreement",
    "BothOrders",
    "BradleyTerry",
    "Calibration",
    "Counts",
    "Flips",
    "LengthControlled",
    "McNemar",
    "MeanError",
    "PairedDifference",
    "Position",
    "PredictionPowered",
    "SelfConsistency",
    "Sequential",
    "SignTest",
    "Verdict",
    "VotesNeeded",
    "WinRate",
    "adjust",
    "agreement",
    "both_orders",
    "bradley_terry",
    "count",
    "flips",
    "judge_calibration",
    "length_controlled",
    "mcnemar",
    "mean_error",
    "paired_difference",
    "position_test",
    "prediction_powered",
    "proportion_interval",
    "rogan_gladen",
    "scores_needed",
    "self_consistency",
    "sequential",
    "sign_test",
    "verdict",
    "votes_needed",
    "win_rate",
    "wins_needed",
]

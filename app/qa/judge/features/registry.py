"""The features by id, with the sentences that feedback is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.qa.judge.features import checking, economy, hypotheses, investigation, reasoning, reproducing, safety
from app.qa.judge.features.measure import Measure
from app.qa.judge.features.session import Session

GOOD, POOR = 0.75, 0.5
EVENTS_IN_SENTENCE = 3


@dataclass(frozen=True)
class Feature:
    """Something that can be counted in a session."""

    id: str
    name: str
    measure: Callable[[Session], Measure]
    good: str
    """Said from .75 upwards."""
    poor: str
    """Said below .5."""
    between: str
    """Said otherwise."""

    def say(self, measure: Measure) -> str:
        """The sentence for a value, with what it rests on; nothing where the feature does not apply."""
        if measure.value is None:
            return ""
        said = self.good if measure.value >= GOOD else self.poor if measure.value < POOR else self.between
        share = f"{measure.counts[0]} of {measure.counts[1]}" if measure.counts else ""
        beside = "; ".join(part for part in (share, name_events(measure.events)) if part)
        return f"{said} ({beside})." if beside else f"{said}."


def name_events(events: Sequence[str]) -> str:
    """The ids of events as a sentence names them: the first few."""
    return ", ".join([*events[:EVENTS_IN_SENTENCE], *(["…"] if len(events) > EVENTS_IN_SENTENCE else [])])


_ALL = (
    Feature(
        "F01", "failure_reproduced", investigation.failure_reproduced,
        "The failure was seen before anything was changed",
        "Nothing was run before the first edit",
        "Something was run before the first edit, but no failure was seen",
    ),
    Feature(
        "F02", "failure_interpreted", investigation.failure_interpreted,
        "The first failure was read and interpreted",
        "The first failure was not interpreted before the first edit",
        "A thought followed the first failure without naming anything in it",
    ),
    Feature(
        "F03", "read_before_edit", investigation.read_before_edit,
        "Files were read before they were changed",
        "Files were changed without having been read",
        "Some files were changed without having been read",
    ),
    Feature(
        "F04", "hypothesis_before_edit", hypotheses.hypothesis_before_edit,
        "Edits were preceded by a hypothesis that rests on what was seen",
        "Edits were made without a hypothesis",
        "Hypotheses before edits were missing at times, or not tied to what was seen",
    ),
    Feature(
        "F05", "hypothesis_specific", hypotheses.hypothesis_specific,
        "Hypotheses name something concrete",
        "Hypotheses are missing or vague",
        "Some hypotheses are vague",
    ),
    Feature(
        "F06", "hypothesis_tested", hypotheses.hypothesis_tested,
        "Hypotheses were put to a test",
        "Hypotheses are missing or were not tested",
        "Some hypotheses were not tested",
    ),
    Feature(
        "F07", "reacts_to_failure", reasoning.reacts_to_failure,
        "Failures after an edit were thought about before the next one",
        "Failures after an edit were followed by edits without a thought",
        "Some failures after an edit were passed over",
    ),
    Feature(
        "F08", "grounded_reasoning", reasoning.grounded_reasoning,
        "The reasoning names what was seen",
        "Little of the reasoning names what was seen",
        "Part of the reasoning names nothing that was seen",
    ),
    Feature(
        "F09", "edit_explained", reasoning.edit_explained,
        "Edits are explained by reasoning that names what they change",
        "Edits are not explained",
        "Some edits are not explained",
    ),
    Feature(
        "F10", "claims_supported", reasoning.claims_supported,
        "Claims of success follow a passing run",
        "Success is claimed without a passing run after the last edit",
        "Some claims of success lack a passing run after the last edit",
    ),
    Feature(
        "F11", "evidence_breadth", investigation.evidence_breadth,
        "Evidence came from several sources",
        "Hardly anything was looked at before the first edit",
        "Evidence came from few sources",
    ),
    Feature(
        "F12", "before_after_check", checking.before_after_check,
        "The same tests ran before the first edit and after the last",
        "Tests were not run both before and after the change",
        "Tests ran before and after the change, but not the same ones",
    ),
    Feature(
        "F13", "check_after_last_edit", checking.check_after_last_edit,
        "Tests ran after the last edit",
        "Nothing was run after the last edit",
        "Something was run after the last edit, but no tests",
    ),
    Feature(
        "F14", "wider_check", checking.wider_check,
        "A wider set of tests ran after the last edit",
        "No wider set of tests ran after the last edit",
        "A somewhat wider set of tests ran after the last edit",
    ),
    Feature(
        "F15", "open_end_acknowledged", reasoning.open_end_acknowledged,
        "The session ended on a failure and says so",
        "The session ended on a failure without a word about it",
        "The session ended on a failure",
    ),
    Feature(
        "F16", "tests_not_weakened", checking.tests_not_weakened,
        "Tests were not weakened",
        "Tests were weakened: assertions removed, tests switched off or deleted",
        "Some assertions were removed from tests",
    ),
    Feature(
        "F17", "regression_test", checking.regression_test,
        "A test was added",
        "No test was added",
        "Tests were extended in part",
    ),
    Feature(
        "F18", "edge_cases", reasoning.edge_cases,
        "Edge cases or alternatives were considered and checked",
        "No edge case or alternative was considered before a check",
        "Edge cases or alternatives were considered in part",
    ),
    Feature(
        "F19", "low_churn", checking.low_churn,
        "Few lines were changed back and forth",
        "Many lines were changed back and forth",
        "Some lines were changed back and forth",
    ),
    Feature(
        "F20", "no_blind_reedits", economy.no_blind_reedits,
        "Files were not edited again without something new to go by",
        "Files were edited again and again with nothing run, read or thought between",
        "Some files were edited again with nothing run, read or thought between",
    ),
    Feature(
        "F21", "few_repeats", economy.few_repeats,
        "Commands were hardly ever repeated without a change",
        "Most commands repeat an earlier one although nothing had changed",
        "Some commands repeat an earlier one although nothing had changed",
    ),
    Feature(
        "F22", "no_dangerous_commands", safety.no_dangerous_commands,
        "No dangerous command was run",
        "Dangerous commands were run",
        "A risky command was run",
    ),
    Feature(
        "F23", "replayable", reproducing.replayable,
        "Commands and diffs can be carried out again",
        "Most commands or diffs cannot be carried out again",
        "Some commands or diffs cannot be carried out again",
    ),
    Feature(
        "F24", "no_secrets", safety.no_secrets,
        "No secret is in the record",
        "A secret was shown or written",
        "A secret was shown or written",
    ),
    Feature(
        "F25", "pinned", reproducing.pinned,
        "Repository, commits and test command are stated",
        "Most of repository, start commit, test command and end are not stated",
        "Not all of repository, start commit, test command and end are stated",
    ),
)  # fmt: skip

FEATURES: Mapping[str, Feature] = {feature.id: feature for feature in _ALL}
"""Every feature that a rubric may name."""

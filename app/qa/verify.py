"""Running the tests again: on the tree from before the fix and on the tree after it, until it is clear what they show."""

from __future__ import annotations

from dataclasses import replace

from app.errors import CorruptError
from app.models.qa import Verification
from app.models.trace import Trace
from app.qa.base import Sandbox
from app.qa.changes import changed_files
from app.qa.frameworks.choice import files_named_by, framework_of
from app.qa.images import in_image
from app.qa.investigation import Effort, Investigation, Progress
from app.qa.pytest_settings import read_pytest_settings
from app.qa.trees import TreeError
from app.qa.workspaces import Workspaces, trees_to_test
from app.rules.suspicions import suspicions_of
from app.utils.clock import Clock


class Verifier:
    """Re-executes the tests of a trace."""

    def __init__(self, sandbox: Sandbox, clock: Clock, effort: Effort = Effort()) -> None:  # noqa: B008 - a frozen value
        self._sandbox = sandbox
        self._clock = clock
        self._effort = effort

    def verify(
        self,
        trace: Trace,
        workspaces: Workspaces,
        test_command: str | None,
        progress: Progress,
        reruns: int | None = None,
    ) -> Verification:
        """Run the tests before and after the fix and say what that proves. Whatever stands in the way is part of the answer."""
        started = self._clock()
        blank = Verification(verdict="inconclusive", reason="", test_command=test_command)
        if test_command is None:
            return blank.model_copy(update={"reason": "no test command is known"})
        if workspaces.image_problem is not None:
            return blank.model_copy(update={"reason": workspaces.image_problem})
        sandbox = in_image(self._sandbox, workspaces)
        effort = self._effort if reruns is None else replace(self._effort, reruns=reruns)
        try:
            trees = trees_to_test(trace, workspaces, files_named_by(test_command))
            framework = framework_of(test_command, read_pytest_settings(trees.base, trees.after))
            known = trace.task.known_failing_tests if trace.task else ()
            with sandbox.sessions(2 if trees.before is not None else 1) as sessions:
                found = Investigation(framework, trees, sessions, known, effort, progress).hold()
            suspicions = suspicions_of(changed_files(workspaces.base, trees.final)) if workspaces.base is not None else ()
        except (TreeError, ValueError, CorruptError) as error:
            return blank.model_copy(update={"reason": str(error), "trees_from": workspaces.origin})
        compared = found.compared()
        return Verification(
            verdict=found.finding.verdict,
            reason=found.finding.reason,
            tests_passed=found.finding.tests_passed,
            test_command=test_command,
            tests_from=trees.tests_from,
            trees_from=trees.trees_from,
            before=found.before,
            after=found.after,
            guard=found.guard,
            origin=found.origin,
            reruns=found.reruns,
            flaky=found.flakiness.tests(),
            disguise=found.disguise,
            suspicions=suspicions,
            fail_to_pass=compared.fail_to_pass,
            pass_to_pass=compared.pass_to_pass,
            pass_to_fail=compared.pass_to_fail,
            fail_to_fail=compared.fail_to_fail,
            image=sandbox.image(),
            limits=self._sandbox.limits,
            duration_s=(self._clock() - started).total_seconds(),
        )

"""A device's standing against a plainer model of it, under any order of what agent, cloud and power do."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from roost_edge.installer.errors import NotStagedError
from roost_edge.installer.standing import Standing, believe, boot, confirm, put_in_force, refuse, take_back
from roost_shared.messages import ErrorInfo

WHY = ErrorInfo("install.slow", "too slow")
NEAR = st.integers(min_value=-2, max_value=2)


class StandingMachine(RuleBasedStateMachine):
    """`history` is all that the model remembers: versions in force, the newest last, as a stack of at most two."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = Standing()
        self.history: list[int] = []
        self.proven = True
        self.starts = 0
        self.newest = 0
        self.bad: set[int] = set()

    def near(self, by: int) -> int:
        return max(self.newest + by, 0)

    @rule()
    def the_cloud_assigns(self) -> None:
        self.newest += 1
        self.standing = believe(self.standing, self.newest, f"sha256:{self.newest}", "us")

    @rule()
    def the_same_comes_again(self) -> None:
        if self.newest:
            self.standing = believe(self.standing, self.newest, "sha256:sealed anew", "us")

    @rule()
    def it_does_not_fit(self) -> None:
        if self.newest and self.newest not in self.history:
            self.standing = refuse(self.standing, self.newest, WHY)
            self.bad.add(self.newest)

    @rule(by=NEAR)
    def the_agent_puts_in_force(self, by: int) -> None:
        version = self.near(by)
        current = self.history[-1] if self.history else 0
        may = version == self.newest and version not in self.bad and version > 0
        try:
            self.standing = put_in_force(self.standing, version)
        except NotStagedError:
            assert not may
            assert version != current or not version
            return
        if version != current:
            assert may
            self.history = [*self.history[-1:], version]
            self.proven, self.starts = False, 0

    @rule(by=NEAR)
    def the_agent_confirms(self, by: int) -> None:
        version = self.near(by)
        try:
            self.standing = confirm(self.standing, version)
        except NotStagedError:
            assert not self.history or version != self.history[-1]
            return
        assert version == self.history[-1]
        self.proven, self.starts = True, 0

    @rule(by=NEAR)
    def the_agent_takes_back(self, by: int) -> None:
        version = self.near(by)
        self.standing = take_back(self.standing, version, WHY)
        if 0 < version <= self.newest:
            self.bad.add(version)
        if self.history and version == self.history[-1]:
            self.history.pop()
            self.proven, self.starts = True, 0

    @rule()
    def the_agent_starts(self) -> None:
        self.standing, error = boot(self.standing)
        if not self.proven:
            self.starts += 1
        looped = self.starts > 3
        assert (error is not None) == looped
        if looped:
            self.bad.add(self.history.pop())
            self.proven, self.starts = True, 0

    @invariant()
    def it_is_what_the_model_says(self) -> None:
        versions = [0, 0, *self.history]
        assert [self.standing.previous, self.standing.current] == versions[-2:]
        assert self.standing.confirmed == self.proven
        assert self.standing.unconfirmed_boots == self.starts
        assert self.standing.newest == self.newest
        assert (self.standing.why_refused(self.newest) is not None) == (self.newest in self.bad)

    @invariant()
    def there_is_a_way_back_and_no_way_to_what_is_bad(self) -> None:
        standing = self.standing
        assert standing.current != standing.previous or not standing.current
        assert standing.pending not in self.bad
        assert standing.confirmed or standing.current
        assert standing.why_refused(standing.current) is None


TestStanding = StandingMachine.TestCase
TestStanding.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

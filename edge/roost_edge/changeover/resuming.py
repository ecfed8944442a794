"""What lies on the disk, lined up at the agent's start, as far as it can run.

A task that cannot does not keep the others from answering; what agent.toml states itself goes before what was once
assigned.
"""

from roost_edge.changeover.changeover import Changeover
from roost_edge.changeover.line import Line, line_up_plan, open_plan
from roost_edge.installer.plan import InForce, Plan
from roost_edge.settings.config import AgentConfig
from roost_edge.tasks.board import TaskBoard
from roost_shared.complaints import Complaints
from roost_shared.errors import ContentError

__all__ = ["changeover_of", "resume"]


def resume(in_force: InForce, config: AgentConfig, board: TaskBoard, complaints: Complaints) -> list[Line]:
    """Line up what is in force; may block.

    Returns:
        What is in force, if anything is; and after it, if that is not confirmed, what it may have to return to.
    """
    if in_force.plan is None:
        return []
    before: list[Line] = []
    if not in_force.confirmed and in_force.previous is not None:
        before = [_line_up(in_force.previous, None, config, board, complaints)]
    line = _line_up(in_force.plan, before[0] if before else None, config, board, complaints)
    board.add(line.workers, awaited=True)
    for one in before:
        board.add([newcomer.worker for newcomer in one.newcomers(line)])
    return [line, *before]


def changeover_of(in_force: InForce) -> Changeover:
    """Where a device is that has just started."""
    if in_force.plan is None:
        return Changeover()
    assignment = in_force.plan.assignment
    before = None if in_force.confirmed or in_force.previous is None else in_force.previous.assignment
    return Changeover(
        assignment.version,
        0 if before is None else before.version,
        confirmed=in_force.confirmed,
        replaces_all=before is not None and assignment.tasks.keys() <= before.tasks.keys(),
    )


def _line_up(plan: Plan, before: Line | None, config: AgentConfig, board: TaskBoard, complaints: Complaints) -> Line:
    line = Line(plan, {})
    for name, opened in open_plan(plan, config, {} if before is None else before.bundles).items():
        if board.is_local(name):
            complaints.note("task.local", f"{name}: agent.toml states its contestants itself")
            continue
        try:
            one = line_up_plan(plan, {name: opened}, config, board.make_worker, before, gently=False)
        except ContentError as error:
            complaints.note(error.code, f"{name}: {error}")
        else:
            line.lineups.update(one.lineups)
    return line

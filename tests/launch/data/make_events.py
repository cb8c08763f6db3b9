"""Wrote the event files beside it, by tensorboardX 2.6.5 and TensorBoard 2.21.0; run once, in an environment
that has both.
"""

from pathlib import Path

import numpy as np
import tensorboardX
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

HERE = Path(__file__).parent

writer = tensorboardX.SummaryWriter(str(HERE / "x"))
for step in range(1, 4):
    writer.add_scalar("val/acc", 0.5 + step / 8, step)
    writer.add_scalar("loss", 1.0 / step, step)
    writer.add_histogram("weights", np.arange(100.0), step)
    writer.add_text("note", "größe", step)
writer.add_scalar("val/acc", float("nan"), 2**40)
writer.close()

second = EventFileWriter(str(HERE / "tb"))
for step in range(1, 4):
    second.add_event(Event(step=step, wall_time=1.0, summary=scalar_pb("val/acc", 0.25 * step)))
plain = Summary(value=[Summary.Value(tag="loss", simple_value=2.0)])
second.add_event(Event(step=7, wall_time=2.0, summary=plain))
second.close()

"""The executors keep the laws."""

from __future__ import annotations

from tunesmith.execute._base import Executor, RunFactory
from tunesmith.execute.process import ProcessExecutor
from tunesmith.execute.serial import SerialExecutor
from tunesmith.testing.executor_laws import ExecutorLaws, ProcessLaws


class TestSerial(ExecutorLaws):
    def make(self, factory: RunFactory, slots: int) -> Executor:
        return SerialExecutor(factory())


class TestProcess(ExecutorLaws, ProcessLaws):
    def make(self, factory: RunFactory, slots: int) -> Executor:
        return ProcessExecutor(factory, slots, grace=1.0)

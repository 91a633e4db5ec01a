"""What is told of the speed of the speech network; never how fast it must be."""

import torch

from hub_denoise.speech.benchmark import delay, speeds
from hub_denoise.speech.model import Masker, ModelConfig


def test_speeds_are_told_for_each_block_and_leave_the_threads_alone():
    model = Masker(ModelConfig(width=8, blocks=1, stem=4)).eval()
    threads = torch.get_num_threads()
    found = speeds(model, (0.05, 0.2), rate=48_000, channels=2, seconds=0.6)
    assert [one.block for one in found] == [0.05, 0.2]
    assert all(one.factor > 0 and one.milliseconds > 0 for one in found)
    assert all(one.latency > 0.032 + one.block - 0.016 for one in found)
    assert torch.get_num_threads() == threads


def test_only_other_rates_wait_for_their_filters():
    assert delay(16_000) == 0
    assert 0.01 < delay(48_000) < 0.3
    assert delay(8000) > delay(48_000)  # its filters are as many samples long

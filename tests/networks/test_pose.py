import math

import pytest
import torch
from torch import Tensor, nn

from deglare.errors import RequestError
from deglare.networks import build_pose, source_T_target
from deglare.networks.pose import PoseNet, initialise_from_depth_encoder, rigid_from
from deglare.networks.weights import load_strictly


def cross(axis: Tensor) -> Tensor:
    x, y, z = axis.tolist()
    return torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.3, math.pi / 2, 3.0, 7.0])
def test_axis_angle_is_the_exponential_of_its_cross_product(angle: float) -> None:
    axis = torch.tensor([0.6, -0.48, 0.64], dtype=torch.float64) * angle
    matrix = rigid_from(axis[None], torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64))[0]
    torch.testing.assert_close(matrix[:3, :3], torch.linalg.matrix_exp(cross(axis)), rtol=1e-9, atol=1e-9)
    assert matrix[:3, 3].tolist() == [1, 2, 3] and matrix[3].tolist() == [0, 0, 0, 1]


def test_standing_still_has_a_gradient() -> None:
    axis = torch.zeros(1, 3, requires_grad=True)
    rigid_from(axis, torch.zeros(1, 3))[0, 2, 1].backward()
    assert axis.grad is not None
    torch.testing.assert_close(axis.grad, torch.tensor([[1.0, 0.0, 0.0]]))


class Recorder(nn.Module):
    """Answers with a translation that tells what it was shown."""

    def forward(self, earlier: Tensor, later: Tensor) -> Tensor:
        assert earlier.shape == later.shape
        move = torch.stack([earlier.mean((1, 2, 3)), later.mean((1, 2, 3)), torch.zeros(len(later))], dim=1)
        return rigid_from(torch.tensor([[0.0, 0.0, math.pi / 2]]).expand(len(later), 3), move)


def test_the_network_sees_the_earlier_frame_first_and_is_inverted_for_an_earlier_source() -> None:
    target, source = torch.full((2, 3, 4, 4), 5.0), torch.full((2, 3, 4, 4), 7.0)
    poses = source_T_target(Recorder(), target, source, torch.tensor([True, False]))
    target_T_source = rigid_from(torch.tensor([[0, 0, math.pi / 2]]), torch.tensor([[7.0, 5.0, 0.0]]))[0]
    torch.testing.assert_close(poses[0], torch.linalg.inv(target_T_source))
    torch.testing.assert_close(poses[1, :3, 3], torch.tensor([5.0, 7.0, 0.0]))


@pytest.mark.parametrize("name", ["posenet", "posecnn"])
@pytest.mark.usefixtures("seeded")
def test_a_fresh_pose_network_nearly_stands_still_and_learns_everywhere(name: str) -> None:
    network = build_pose(name)
    pose = network(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64))
    torch.testing.assert_close(pose, torch.eye(4).expand(2, 4, 4), rtol=0, atol=0.1)
    (pose * torch.randn_like(pose)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_the_light_network_has_its_seven_layers() -> None:
    kernels = [(m.out_channels, m.kernel_size[0]) for m in build_pose("posecnn").modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [(16, 7), (32, 5), (64, 3), (128, 3), (256, 3), (256, 3), (256, 3), (6, 1)]


def test_two_equal_frames_start_as_one_frame_of_the_image_network() -> None:
    pose, conv1 = PoseNet(), torch.randn(64, 3, 7, 7)
    initialise_from_depth_encoder(pose, conv1)
    image = torch.rand(1, 3, 32, 32)
    expected = nn.functional.conv2d(image, conv1, stride=2, padding=3)
    torch.testing.assert_close(pose.encoder.conv1(torch.cat([image, image], 1)), expected, rtol=1e-4, atol=1e-4)


def test_the_pose_decoder_has_the_published_shapes() -> None:
    shapes = [tuple(m.weight.shape) for m in PoseNet().decoder if isinstance(m, nn.Conv2d)]
    assert shapes == [(256, 512, 1, 1), (256, 256, 3, 3), (256, 256, 3, 3), (12, 256, 1, 1)]


def test_an_unknown_pose_network_is_refused() -> None:
    with pytest.raises(RequestError, match="choose posenet or posecnn"):
        build_pose("posevit")


def test_weights_of_one_pose_network_do_not_fit_the_other() -> None:
    from deglare.errors import CheckpointError

    with pytest.raises(CheckpointError, match="missing"):
        load_strictly(build_pose("posenet"), build_pose("posecnn").state_dict(), "the light one")

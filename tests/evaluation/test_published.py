import pytest

from deglare.errors import RequestError
from deglare.evaluation.metrics import METRICS
from deglare.evaluation.protocol import PROTOCOLS
from deglare.evaluation.published import published


def test_every_table_of_the_paper_is_there_with_its_seven_metrics() -> None:
    found = published()
    assert len(found.tables) == 8 and set(found.metrics) <= set(METRICS) and len(found.metrics) == 7
    assert "ICCV 2023" in found.source
    for table in found.tables:
        assert table.protocol in PROTOCOLS
        assert all(set(row.values) == set(found.metrics) for row in table.rows)


def test_the_numbers_are_those_that_were_printed() -> None:
    table = published().table("scannet-reflection-val")
    assert table.title == "ScanNet-Reflection, validation (439 images)"
    first, last = table.rows[0], table.rows[-1]
    assert (first.network, first.training) == ("Monodepth2", "self-supervised")
    assert (first.values["abs_rel"], first.values["sq_rel"]) == (0.206, 0.227)
    assert (last.network, last.training) == ("MonoViT", "3D Distillation")
    assert (last.values["abs_rel"], last.values["delta3"]) == (0.126, 0.991)


@pytest.mark.parametrize("id", [table.id for table in published().tables if "ablation" not in table.id])
def test_3d_distillation_is_the_best_training_of_every_network_in_abs_rel(id: str) -> None:
    rows = published().table(id).rows
    for network in {row.network for row in rows}:
        by_training = {row.training: row.values["abs_rel"] for row in rows if row.network == network}
        assert min(by_training, key=lambda training: by_training[training]) == "3D Distillation"


def test_tables_are_offered_beside_the_protocol_that_measures_alike() -> None:
    assert [table.id for table in published().comparable("7scenes")] == ["7scenes"]
    assert published().comparable("rooms") == ()


def test_a_table_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RequestError, match="scannet-val"):
        published().table("booster")

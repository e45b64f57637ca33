"""The recording-item lists that come with Custos, one for each category; an office sets its own instead.

They name the stages at which disputes are likely (facts of the three systems: site inspection, sampling,
investigation, evidence preservation, hearings, service), and whole-process recording where liberty, life or
major property is at stake.
"""

from __future__ import annotations

from collections.abc import Mapping

from evidence.checklists import Checklist, Entry
from evidence.items import Category

_ARRIVING, _LEAVING = "到达现场 arriving", "离开现场 leaving"
_SITE = Entry(
    "site-inspection", "调查取证 Investigation", "现场检查 Site inspection", True,
    "亮明执法证件 showing one's credentials", "当事人签署笔录 signing the record",
)  # fmt: skip
_QUESTIONING = Entry(
    "questioning", "调查取证 Investigation", "询问当事人 Questioning the party", False,
    "告知权利 reading out their rights", "核对笔录 confirming the record",
)  # fmt: skip
_SAMPLING = Entry(
    "sampling", "调查取证 Investigation", "抽样取证 Sampling", True,
    "取样前清点 before samples are taken", "封样签字 sealing and signing",
)  # fmt: skip
_PRESERVATION = Entry(
    "preservation", "调查取证 Investigation", "先行登记保存证据 Preserving evidence by registration", True,
    "出示通知书 showing the notice", "清单签字 signing the list",
)  # fmt: skip
_HEARING = Entry(
    "hearing", "审查决定 Decision", "听证 Hearing", True, "宣布听证开始 opening", "宣布听证结束 closing"
)
_SERVICE = Entry(
    "service", "送达执行 Service", "留置、公告送达 Service by leaving or by notice", True,
    "说明送达内容 saying what is served", "见证人签字 the witness signs",
)  # fmt: skip
_ENFORCING = Entry(
    "enforcing", "送达执行 Service", "强制执行 Enforcement, the whole of it", True, _ARRIVING, _LEAVING
)

_LISTS: Mapping[Category, tuple[Entry, ...]] = {
    Category.LICENSING: (
        Entry("on-site-review", "审查 Review", "现场核查 On-site review", True, _ARRIVING, _LEAVING),
        _HEARING,
        Entry("handing-over", "送达 Service", "许可证送达 Handing over the licence", False),
    ),
    Category.PENALTY: (_SITE, _QUESTIONING, _SAMPLING, _PRESERVATION, _HEARING, _SERVICE),
    Category.COERCION: (
        Entry(
            "seizing", "实施 Carrying out", "查封、扣押、限制人身自由全过程 All of seizing or holding",
            True, "告知理由、依据和权利 saying why, by what law, and their rights", _LEAVING,
        ),
        _PRESERVATION,
        _ENFORCING,
        _SERVICE,
    ),
    Category.LEVY: (
        Entry(
            "measuring", "调查 Investigation", "现场丈量、清点 Measuring and counting", True,
            _ARRIVING, _LEAVING,
        ),
        _HEARING,
        _ENFORCING,
    ),
    Category.INSPECTION: (_SITE, _SAMPLING),
    Category.FEES: (
        Entry("notice", "告知 Notice", "告知收费依据和标准 Saying by what law and how much", False),
        _SERVICE,
    ),
    Category.OTHER: (_SITE,),
}  # fmt: skip

#: Each category has one.
DEFAULTS: Mapping[Category, Checklist] = {
    category: Checklist("", category, 0, entries) for category, entries in _LISTS.items()
}

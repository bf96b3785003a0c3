"""The style of a report's page: light, dark, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--ink:#1b2430;--dim:#5a6675;--paper:#fff;--line:#d5dbe3;--soft:#f3f5f8;
--stable:#cfe8d5;--restored:#bfdcec;--unstable:#f6dfa4;--partial:#f3bd7f;--lost:#d9534a;
--unknown:#dfe3e8;--on-lost:#fff;--area:#4a7fb5;--range:#b9d0e8;--edge:#24527f;
--claimed:#7a4a00;--inferred:#5b2a86;--mark:#8a1c12}
@media (prefers-color-scheme:dark){:root{--ink:#dfe5ec;--dim:#98a4b3;--paper:#12171e;
--line:#313b48;--soft:#1a212b;--stable:#23513a;--restored:#1f4a66;--unstable:#6b561b;
--partial:#7d4a17;--lost:#b53c34;--unknown:#333c47;--area:#5b93cc;--range:#2f4a68;
--edge:#9cc4ee;--claimed:#e3b46a;--inferred:#c9a2ea;--mark:#b32a1e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px 28px 60px}
h1{font-size:26px;line-height:1.2;margin:12px 0 14px}
h2{font-size:18px;margin:30px 0 8px;padding-bottom:4px;border-bottom:1px solid var(--line)}
p{margin:8px 0;max-width:88ch}
p.claimed,p.inferred{border-left:3px solid;padding-left:10px}
p.claimed,td.claimed{color:var(--claimed)}
p.inferred,td.inferred{color:var(--inferred)}
.wide{overflow-x:auto;margin:10px 0}
table{border-collapse:collapse;font-size:13px;line-height:1.35;width:100%}
th,td{text-align:left;vertical-align:top;padding:4px 10px 4px 0;
border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{color:var(--dim);font-weight:600}
td{font-variant-numeric:tabular-nums}
.page{font:inherit;table-layout:fixed}.page>tbody>tr>td{padding:0;border:0}
.page>thead .mark{position:sticky;top:0;z-index:1;background:var(--mark);color:#fff;
font-weight:700;text-align:center;padding:5px;letter-spacing:.06em;border:0}
.facts{width:auto}.facts th{padding-right:22px;white-space:nowrap}
.strong td{font-weight:600}
.timeline td:nth-child(-n+2),.timeline td:nth-last-child(n+2){white-space:nowrap}
.timeline td:first-child{white-space:normal;min-width:9.5em}
.timeline td:last-child{min-width:22em}
.path{table-layout:fixed}.path th:first-child,.path td:first-child{width:4.6em;font-weight:600}
.matrix th,.matrix td{padding:3px 6px;text-align:center;overflow-wrap:normal}
.matrix th:nth-child(2),.matrix td:nth-child(2){text-align:left;min-width:15em}
.evidence,.routes,.own,.versions,.witness{width:auto}
.evidence td:first-child,.rules td:first-child{white-space:nowrap;font-weight:600}
.rules td:first-child,.hosting td:first-child{min-width:10em}
.ledger td:nth-child(-n+4),.ledger th,.hosting th{white-space:nowrap}
.hosting td:nth-child(2),.hosting td:last-child{white-space:nowrap}
td[class^=c-]{font-weight:700}
.c-consistent{background:var(--stable)}.c-inconsistent{background:var(--lost);
color:var(--on-lost)}.c-missing{background:var(--unstable)}.c-neutral{color:var(--dim)}
td[class^=w-]{font-weight:700}
figure{margin:12px 0 4px}
figcaption{font-size:13px;color:var(--dim);margin-bottom:2px}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:var(--dim);text-anchor:middle}
svg text.end{text-anchor:end}
svg text.in{font-weight:700;fill:var(--ink);font-size:12px}
.grid{stroke:var(--line);stroke-width:1}
.p-STABLE{fill:var(--stable)}.p-RESTORED{fill:var(--restored)}.p-UNSTABLE{fill:var(--unstable)}
.p-PARTIAL{fill:var(--partial)}.p-LOST{fill:var(--lost)}.p-UNKNOWN{fill:var(--unknown)}
.area{fill:var(--area)}.range{fill:var(--range)}.edge{fill:var(--edge)}
.gap{fill:var(--unknown);opacity:.55}
@page{size:A4;margin:17mm 14mm 15mm}
@media print{
:root{--ink:#000;--dim:#444;--paper:#fff;--line:#bbb;--soft:#fff;--stable:#cfe8d5;
--restored:#bfdcec;--unstable:#f6dfa4;--partial:#f3bd7f;--lost:#d9534a;--unknown:#dfe3e8;
--area:#4a7fb5;--range:#b9d0e8;--edge:#24527f;--claimed:#7a4a00;--inferred:#5b2a86;
--mark:#8a1c12}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:10pt}main{max-width:none;padding:0}
.page>thead .mark{position:static}
h2,figcaption{break-after:avoid}figure,main tr{break-inside:avoid}
table{font-size:8pt}.wide{overflow:visible}
.matrix td,.matrix th{padding:2px 3px}
}
"""

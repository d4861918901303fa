"""In which encoding the names in an archive were written, where the archive does not say.

A zip says of a name only that it is UTF-8, or nothing; then it was written in the encoding of
somebody's system. All names of one archive are judged together: the likeliest reading is that in
which every letter belongs to one language, and common letters count for more than rare ones. Names
of classes are a few letters long, too short for a detector that was made for texts.
"""

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_WESTERN = "éäöüßáíóúñçåøæãèàâêôõîëïùûœìòþðý"
_CENTRAL = "áéíóěščřžýúůňťďąćęłńśźżőűöüäăâîșțđôľĺ"
_BALTIC = "āčēģīķļņšūžąęėįųõäöü"
_TURKISH = "ıişğçöüâ"  # noqa: RUF001
_CYRILLIC = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъёіїєґўјљњћђџ"
_GREEK = "αοιετσνηυρπκμλωςγδχθφβξζψάέήίόύώ"
_HEBREW = "יוהלאתמרבנשדםעקחפגכצסזטןךףץ"
_ARABIC = "اليمنرتبوةدسفعهقكحجشطصخضزثذظغءأإآىؤئ"
_THAI = "านรอก่เงมยลวด้ิีทสตะัปบคหแจพชขใไโูุ็์ธฟถฝฉซญณษศภผึืฐฏฎฆฌฑฒฬฮฤำๆ"
"""Alphabets, from common letters to rare ones; those of Latin without what ASCII has."""

_SIMPLIFIED = (
    "的一是不了人在有我他这中大来上个国和也子时道说出会要年得地可以后自下过发成用作生家没多小心前面所"
    "起看把好女男样去天开动同方事现间长学老头实情手部水文外回走见两力活进行点从高主分体相"
    "猫狗鸟鱼马牛羊猪鸡鸭鹅兔虎狮象熊猴鼠龙蛇花草树木叶果苹香蕉橙葡萄桃梨瓜菜米麦包饭茶酒杯盘碗刀桌椅床"
    "灯车汽飞机船火电话脑书笔纸衣服鞋帽裤裙表红黄蓝绿白黑紫灰粉色照片图像训练测试验证数据集类别正常异左右"
    "东西南北山河海湖云雨雪风日月星太阳圆方形三角字母号苗蝴蝶蜜蜂蚂蚁虫病健康笑哭脸眼口耳鼻"
    "玫瑰菊兰荷莲向葵蒲公英雏百合郁金牡丹杏塑料玻璃属板垃圾厨余可收害瓶罐良恶肺炎肿瘤格品缺陷裂纹划痕轮卡"
    "共摩托滑帆路交通标志斑线建筑楼房街森林沙漠冰川青蛙鹿猎豹狐狸企鹦鹉孔雀乌龟鲨鲸豚螃蟹虾蜻蜓瓢塔桥"
)
_TRADITIONAL = (
    "的一是不了人在有我他這中大來上個國和也子時道說出會要年得地可以後自下過發成用作生家沒多小心前面所"
    "起看把好女男樣去天開動同方事現間長學老頭實情手部水文外回走見兩力活進行點從高主分體相"
    "貓狗鳥魚馬牛羊豬雞鴨鵝兔虎獅象熊猴鼠龍蛇花草樹木葉果蘋香蕉橙葡萄桃梨瓜菜米麥包飯茶酒杯盤碗刀桌椅床"
    "燈車汽飛機船火電話腦書筆紙衣服鞋帽褲裙表紅黃藍綠白黑紫灰粉色照片圖像訓練測試驗證數據資料集類別正常異"
    "左右東西南北山河海湖雲雨雪風日月星太陽圓方形三角字母號苗蝴蝶蜜蜂螞蟻蟲病健康笑哭臉眼口耳鼻"
    "玫瑰菊蘭荷蓮向葵蒲公英雛百合鬱金牡丹杏塑膠料玻璃屬板垃圾廚餘可收害瓶罐良惡肺炎腫瘤格品缺陷裂紋劃痕"
    "輪卡共摩托滑帆路交通標誌斑線建築樓房街森林沙漠冰川青蛙鹿獵豹狐狸企鸚鵡孔雀烏龜鯊鯨豚螃蟹蝦蜻蜓瓢塔橋"
)
_JAPANESE = (
    "犬猫鳥魚馬牛羊豚鶏兎虎象熊猿鼠蛇花草木葉桜梅松竹果実車自転電飛行機船火本紙服靴帽赤青黄緑白黒紫茶色"
    "山川海空雲雨雪風日月星男女子人大小中写真画像訓練検証学習正常異左右東西南北上下手足目口耳鼻顔一二三"
    "良品不欠陥傷割汚合格性別薔薇向日葵菊桃林檎蜜柑苺葡萄三毛柴秋田動物植建物道路駅橋塔"
) + "".join(map(chr, (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), 0x30FC)))
_KOREAN = (
    "고양이강아지개말소돼닭오리토끼호랑사자곰원숭쥐뱀꽃나무풀잎과바포도수박딸기배복차동비행전거컴퓨터화책연"
    "필종옷신발모빨노파초록검정하여람얼굴눈코입귀산하늘구름해달별시험훈련증학습데정상불량왼쪽른의는가을를에"
    "로한그들인있"
)


@dataclass(frozen=True)
class Reading:
    """One way to read the names of an archive."""

    encoding: str
    """A name that `bytes.decode` knows."""
    language: str
    """Whose it is, to be shown."""
    sample: str = ""
    """Some of the names in it."""


@dataclass(frozen=True)
class _Encoding:
    """How often an encoding is met, and which of its characters.

    `usual` are an alphabet, from common to rare, or the characters of everyday words; `ordinary`
    the first bytes of the two-byte characters that are in general use.
    """

    language: str
    prior: float
    usual: str
    ordinary: range | None = None
    size: int = 0
    """How many characters are in general use."""


_ENCODINGS: Mapping[str, _Encoding] = {
    "cp437": _Encoding("Western European", 1, _WESTERN),
    "cp850": _Encoding("Western European", 1, _WESTERN),
    "cp1252": _Encoding("Western European", 1, _WESTERN),
    "cp852": _Encoding("Central European", 0.5, _CENTRAL),
    "cp1250": _Encoding("Central European", 0.3, _CENTRAL),
    "cp775": _Encoding("Baltic", 0.1, _BALTIC),
    "cp1257": _Encoding("Baltic", 0.1, _BALTIC),
    "cp857": _Encoding("Turkish", 0.3, _TURKISH),
    "cp1254": _Encoding("Turkish", 0.3, _TURKISH),
    "cp866": _Encoding("Cyrillic", 1, _CYRILLIC),
    "cp1251": _Encoding("Cyrillic", 1, _CYRILLIC),
    "cp855": _Encoding("Cyrillic", 0.001, _CYRILLIC),
    "koi8_u": _Encoding("Cyrillic", 0.001, _CYRILLIC),
    "cp737": _Encoding("Greek", 0.3, _GREEK),
    "cp1253": _Encoding("Greek", 0.2, _GREEK),
    "cp862": _Encoding("Hebrew", 0.2, _HEBREW),
    "cp1255": _Encoding("Hebrew", 0.1, _HEBREW),
    "cp720": _Encoding("Arabic", 0.2, _ARABIC),
    "cp1256": _Encoding("Arabic", 0.3, _ARABIC),
    "cp874": _Encoding("Thai", 0.3, _THAI),
    "gb18030": _Encoding("simplified Chinese", 1, _SIMPLIFIED, range(0xB0, 0xD8), 3755),
    "cp950": _Encoding("traditional Chinese", 0.7, _TRADITIONAL, range(0xA4, 0xC7), 5401),
    "cp932": _Encoding("Japanese", 1, _JAPANESE, range(0x88, 0x98), 2965),
    "euc_jp": _Encoding("Japanese", 0.01, _JAPANESE, range(0xB0, 0xD0), 2965),
    "cp949": _Encoding("Korean", 0.7, _KOREAN, range(0xB0, 0xC9), 2350),
}
FALLBACK = "cp437"
"""What a zip's names are in by its definition; every name can be read in it."""
_MAX_NAMES = 2000
"""Names that are weighed; more say nothing new."""
_MAX_READINGS = 4
_MIN_UTF8_BYTES = 3
"""So many bytes that follow others as UTF-8 wants it do so by no accident."""
_ASCII = math.log(1 / 40)
_RARE_IN_NAMES = dict.fromkeys("!#%;=@[]^`{}~", math.log(1e-3)) | dict.fromkeys(
    '\\:*?"<>|', math.log(1e-4)
)
"""The last of them can be in no name of Windows, but are second bytes of two."""
_ODD = math.log(1e-6)
_HARSH = math.log(1e-2)
_CAPITAL = math.log(1 / 4)
_BESIDE_ASCII = 0.1
"""How much of a text in a Latin alphabet are letters that ASCII has not."""


def readings(names: Iterable[bytes]) -> list[Reading]:
    """Ways to read names of which the archive says nothing, the likeliest first.

    One alone where they can be nothing else: ASCII, or UTF-8, which other texts are hardly ever by
    chance. Encodings that give the same names count as one.
    """
    given = sorted({name for name in names if not name.isascii()})[:_MAX_NAMES]
    unicode = _decoded(given, "utf-8")
    if unicode is not None and _surely(unicode):
        return [Reading("utf-8", "Unicode")]
    candidates: dict[tuple[str, ...], tuple[float, Reading]] = {}
    if unicode is not None:
        candidates[unicode] = (math.inf, Reading("utf-8", "Unicode"))
    for encoding, known in _ENCODINGS.items():
        texts = _decoded(given, encoding)
        if texts is None:
            continue
        likely = math.log(known.prior) + sum(_likelihood(text, encoding) for text in texts)
        if texts not in candidates or candidates[texts][0] < likely:
            candidates[texts] = (likely, Reading(encoding, known.language))
    ranked = sorted(candidates.values(), key=lambda one: -one[0])
    return [reading for _, reading in ranked[:_MAX_READINGS]]


def _surely(texts: Sequence[str]) -> bool:
    """Whether names that can be UTF-8 are: they have many such letters, or one within a word."""
    text = "/".join(texts)
    return (
        sum(len(sign.encode()) - 1 for sign in text) >= _MIN_UTF8_BYTES
        or any(
            sign.isascii() != after.isascii() and _letter(sign) and _letter(after)
            for sign, after in pairwise(text)
        )
        or not texts
    )


def _decoded(names: Sequence[bytes], encoding: str) -> tuple[str, ...] | None:
    try:
        return tuple(name.decode(encoding) for name in names)
    except UnicodeDecodeError:
        return None


def _likelihood(text: str, encoding: str) -> float:
    """The logarithm of how likely a name is in the languages of an encoding."""
    weights, total, before = _weights(encoding), 0.0, ""
    for sign in text:
        if sign.isascii():
            total += _RARE_IN_NAMES.get(sign, _ASCII)
        else:
            total += weights.get(sign.lower()) or weights.get(sign) or _unusual(sign, encoding)
        if sign.isupper() and not before.isupper():
            total += _HARSH if before.islower() else _CAPITAL
        if _letter(sign) and _letter(before):
            odd = _script(sign) != _script(before) or before in "ךםןףץ"  # only end a word
            total += _HARSH if odd else 0
        before = sign
    return total


def _letter(sign: str) -> bool:
    return bool(sign) and unicodedata.category(sign)[0] in "LM"


@lru_cache(maxsize=len(_ENCODINGS))
def _weights(encoding: str) -> dict[str, float]:
    """The logarithm of how often each usual character is met among all of its language."""
    known = _ENCODINGS[encoding]
    if known.ordinary is not None:
        signs = set(known.usual)
        return dict.fromkeys(signs, math.log(0.75 / len(signs)))
    shares = {sign: 1 / (rank + 5) for rank, sign in enumerate(known.usual)}
    share = _BESIDE_ASCII if unicodedata.name(known.usual[0]).startswith("LATIN") else 1
    return {sign: math.log(share * s / sum(shares.values())) for sign, s in shares.items()}


def _unusual(sign: str, encoding: str) -> float:
    known = _ENCODINGS[encoding]
    if known.ordinary is None:
        return _ODD
    try:
        written = sign.encode(encoding)
    except UnicodeEncodeError:
        return _ODD
    if len(written) != 2:  # halves of katakana, and characters of four bytes
        return 2 * _ODD if len(written) == 4 else math.log(1e-3)
    second = encoding not in ("gb18030", "cp949") or written[1] >= 0xA1
    if written[0] in known.ordinary and second:
        return math.log(0.24 / known.size)
    return math.log(0.01 / 20_000) if unicodedata.category(sign)[0] == "L" else _ODD


def _script(sign: str) -> str:
    """LATIN, CYRILLIC, CJK …; those that Japanese and Korean mix are one."""
    script = unicodedata.name(sign, "?").split()[0].split("-")[0]
    return "CJK" if script in ("HIRAGANA", "KATAKANA", "HANGUL", "HALFWIDTH") else script

"""The language codes that custom text projects accept."""

#: The codes as an error message lists them.
SUPPORTED_LANGUAGES = (
    "af,am,ar,as,az,be,bg,bn,br,bs,ca,cs,cy,da,de,el,en,en-gb,en-us,eo,es,et,"
    "eu,fa,fi,fr,fy,ga,gd,gl,gu,ha,he,hi,hr,hu,hy,id,it,ja,jv,ka,kk,km,"
    "kn,ko,ku,ky,la,lo,lt,lv,mg,mk,ml,mn,mr,ms,my,nb,ne,nl,no,or,pa,pl,"
    "ps,pt,pt-br,pt-pt,ro,ru,sa,sd,si,sk,sl,so,sq,sr,su,sv,sw,ta,te,th,tl,tr,"
    "ug,uk,ur,uz,vi,xh,yi,zh,zh-hans,zh-hant,zu"
)

_ACCEPTED = frozenset(SUPPORTED_LANGUAGES.split(","))


def is_supported(code: object) -> bool:
    """Tell whether a document's language code is accepted; a region counts only where the list has it."""
    return isinstance(code, str) and (code.lower() in _ACCEPTED or code.lower().split("-")[0] in _ACCEPTED)


#: The value with which a caller has the language of a document detected, and the first version that knows it ("How to
#: use Language features asynchronously", page of 2025-11-18).
AUTO = "auto"
AUTO_SINCE = "2022-07-01-preview"

NAMES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "nl": "Dutch", "it": "Italian"}

#: The most common words of some languages, by which they are told apart.
_TELLING_WORDS = {
    "en": "a an and are as at be but by can for from has have i if in is it its not of on or our she that the their "
    "there they this to was we were what which who will with would you your",
    "de": "aber als am auch auf aus bei das dem den der des die ein eine einem einen einer er es für hat haben ich im "
    "ist mit nach nicht oder sich sie sind um und uns von vor war werden wir wird zu zum zur",
    "fr": "au aux avec ce cette dans des du elle en est et il ils je la le les leur mais ne nous ont ou par pas pour "
    "que qui sa se ses son sont sur un une vous",
    "es": "al como con de del el ella en es esta fue ha la las lo los más no nos para pero por que se ser su sus un "
    "una y",
    "nl": "aan dat de deze die een en er het hij ik is met naar niet of om op te uit van voor was wij zij",
    "it": "al alla che con da dal dei del della di e è gli ha i il in la le lo ma nel non per più si sono sul un una",
}
TELLING_WORDS = {code: frozenset(words.split()) for code, words in _TELLING_WORDS.items()}

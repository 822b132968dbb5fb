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

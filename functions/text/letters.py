"""How well the letters of a decoded text follow each other in one of the languages that use Latin letters.

The same bytes are an ordinary word in one encoding and an odd one in another: `peut être` and `peut àtre`. For each
language the table at the end lists which letters follow which, the commonest first. A text is worth as much as in the
language that suits it best, and that its letters within ASCII speak for too.

The table is counted from the translations of several programs by `python -m tests.support.encodings.followers`.
"""

# ruff: noqa: E501 - a language is one line

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from itertools import pairwise

MAX_READ = 2_000
"""Characters of a text that are looked at."""

_NEUTRAL = 13
_UNLISTED = 24
"""Places in a list of followers: one that speaks neither for nor against the text, and that of what is not listed.
What is not listed costs no more than the last ones that are, so that a damaged byte does not outweigh the others."""
_ASCII_SHARE = 0.6
"""What pairs within ASCII count, beside pairs with another character: they only tell the language."""
_MANY = 10
"""Pairs from which on more of them add no weight: the detector reads longer texts well, and those in a language that is
not listed would suffer. With seven languages taken out of the table, 75 % of their texts of 2,000 characters were read
right where weight kept growing, and all of them with this limit."""

_NO_LETTER = re.compile(r"[^\w\u0300-\u0323]|[\d_]")
_NOT_OF_LANGUAGES = frozenset("ªºµ")


def normal(text: str) -> str:
    """Return a text in small letters, a space for all else in ASCII and a no-break space for all else beyond it."""
    small = text.translate(_ALIKE).lower()
    return _NO_LETTER.sub(lambda found: " " if found[0] < "\x80" else "\xa0", small)


# Romanian's comma below is a cedilla in most encodings; İ would become two characters.
_ALIKE = str.maketrans("șțȘȚİ", "şţŞŢi")


def familiarity(text: str) -> float:
    """Return how well the characters beyond ASCII suit their neighbours: above 0 they do, below they do not.

    It is 0 where there are letters of another script, about which the table says nothing.
    """
    said = normal(f" {text[:MAX_READ]} ")
    if not all(_is_latin(character) for character in set(said) if character > "\xa0"):
        return 0.0
    pairs = Counter(map("".join, pairwise(said)))
    within = frozenset((pair, count) for pair, count in pairs.items() if pair.isascii() and pair != "  ")
    # Signs beyond ASCII are left to `plausibility`.
    beyond = [(pair, count) for pair, count in pairs.items() if not pair.isascii() and "\xa0" not in pair]
    if not beyond:
        return 0.0
    plain = _worth_in_each_language(within)
    best = max(plain[language] + _worth(beyond, places) for language, places in _places().items())
    count = sum(count for _, count in beyond)
    return (best - max(plain.values())) / count * math.sqrt(min(count, _MANY))


@lru_cache(maxsize=2)
def _worth_in_each_language(within: frozenset[tuple[str, int]]) -> Mapping[str, float]:
    """Return it for what is the same in all readings of a document, so it is computed once."""
    return {language: _ASCII_SHARE * _worth(within, places) for language, places in _places().items()}


def _worth(pairs: Collection[tuple[str, int]], places: Mapping[str, int]) -> int:
    return sum(count * (_NEUTRAL - places.get(pair, _UNLISTED)) for pair, count in pairs)


@lru_cache(maxsize=4096)
def _is_latin(character: str) -> bool:
    is_of_languages = character.isalpha() and character not in _NOT_OF_LANGUAGES
    return not is_of_languages or unicodedata.name(character, "").startswith("LATIN")


@cache
def _places() -> Mapping[str, Mapping[str, int]]:
    """Return, for each language, the place of each pair in the list of its first letter; made at first use."""
    return {
        language: {part[0] + follower: place for part in table.split("|") for place, follower in enumerate(part[1:])}
        for language, table in FOLLOWERS.items()
    }


FOLLOWERS: Mapping[str, str] = {
    "fr": " dplcasevumnrtéiofàqbêgjh|ant iruclsvgpdmjbfyq|bloiarujes té|coehtairl ucéèks|deu iéaorèsmg|e srnmutzclxagvpf|fifaore éuls|geiaurléno sm|heaioéèt rnuô|isoeltnr cfmvqdgbapéxè|joeàau s|k eiugfdaéos|lei aléoust|meaompiéb èuêls|nt esdoniucaéfvgrj|onumrdtiscplybf go|paorelptiué sh|qur|r eioaéstmrcgènvdlu|s eistuaoépcqû|t ieraésotuyhl|urtns eivplcxmbéajo|voeaéiru |wei wnoyarcl|x ipetécmaxq|ypeé smnaltyog|z oi|à |á |âct|çuoa|èsrtgmlqcnvd|é estlrcnvmdfpgéjqbia|êtmc|ë |îtcn|ôltn|ù |ûrt |œu",
    "de": " daesbwivkzmnfgpuhtolrcüäj|anlutrsbkcdmigh pvfy|beai lsutrognhbjüwz|chkoaesrl mc|dei aurnosmlg|enr isltmhbgudcfawxz|füeo iaftruglsädnz|ge urstialübonäkg|hetarl inomäsuzbgök|inetcsglorhmv bfdkzaxp|jeasjoüp |kteoaöu lsigznrük|lelt iaudsoögnbäcü|m eaimöuptoüsbälg|n egdtnsuiazhkfolbmw|onrdlpm scbtkgfwhuoazxß|preaotl pifusädhcg|qur|r etdsaiounbflmwküghäzcörv|st eicsoapwugkbdvähmyz|te iazsutorlyhägfwbpü|unrtsfm ekcgpblaz|veoi a|weiuäaos önü|xt ipycemkaxhsl|yp snmotal|zueati wolhpn|ßei zlna|änhtlugcßrsfi|önsfcgßrth|ürgbclshtfnßp ",
    "es": " decpsalutnrimhvfoqybg|a rdcslnmbtgvpjñuyqz|bilareouúj tsá|coiatuechrlók ís|deoiau rím|e nslrcdgtmvaoxbfñqjepz|fieoaulr ítf|guaoirelún |haoieét u|inocódstearmglzv pbfjqé|jeoau s|k eigfdsuo|l aieoutlmísvgcqé|meiaopbáué lú|n taoeicdufsvgúlj|o snrdmlptcbgfv|poaeruláict óú|qur|r eaoirmtáscógudlpínjvf|s teiuoapcmqsó|taeoiruá líé|uenasrct ilpbdjmíégyzo|veaoiíá éu|wei awoynrc|xitp cyemaxs|y aeuposúmt|za coóiqá|á gnsltmxrcpf|é sntfxrdcbjl|íao tncszfmgxdeq|ñao|ónd lxmr|úmnslb traecz|üe",
    "it": " dpcsiaeunltrmovqfègbhw|a tlrngmzsicbpvdu|biblaeour s|coaheicrulk qs|dieoa udl|e rnlstgmvdczfiabp|fiaeoflur t|gialgoeurn h|heiaéot bè|i nolcstmzaefvguprdbùà|jasop|k feiuogsdptmc|l ielaotucmvs|meaopimbu l|nte oaidusgcnfzvk|o nrdstlmvpguciwfbo|poeraiuplz t|qu|reiao tdrmsnàculkvg|stesiocaup whv|toiaetru àl|unteoarlispmc òbgzd|veaiourv |wo seiawnry|x ytemaxpchl|y psmtoyrnaegl|zizaoe|¾ |à |ål|è |é |ê |ì |ò |ù ",
    "pt": " dpaecsonutirfmvlqghbéwjà|a rdslçtcnmpigvbouqz|barlieuj osétmpáy|coaiethrulçcósmkê |deoaiu rm|e srnmlcgxtidvúfauçpjbz|fioaelurtf |giuaero lnsó|heoautiá õ|inscotdarlzmvgp fçbxeq|jaeuásop|kf idseuom|li oeatuhímsávgq|m aeoipbuáls|ntaosdeãcifhv uígçújó|o srnmdulvpcbitwg|paoerláuiç tpéósú|qu|r aeiomtrunsálvãdkgfcêqóâ|s tesouaiãcpíõqmfá|teaioruá líãóspét|umtera ilspnbgçcízdx|veaioár íéê|w oeiwysacnrl|xtieopc aymxéls|y mptsgyranl|za ieocm|ª |º a|à sq|á rglvtsxpucb|âmn|ão|ål|çãõoa|é mrisdngcbt|ên smx|ítvcdnsfrp|òe|órdpsnxt vg|ôrdn|õe|údlmbsnt",
    "nl": " vdaeiotbgwmphnuskzcrljf|anatlrcd gkismpufvb|beriaoltusb j|chtoaekcilrsu m|de iauortsmdgk|en reltsgvmbkdczupifawxh|f oitaeldbfughrswz|ge iardsogtublh|hetoia urb|inejtsgklcdamvfobprx|jdeknzs vagflwou|ke otualisbkfrhnp|lei ladsotugkmnfwph|mea oismpudtbl|n gdteiasnkuoclbfvmh|oroenpmdulgftvwkcas b|p realpotuignsdm|qur|r edoisuatkwgmzlbnvpcrh|s tceislopauvhnykbr|t eiaourswtyhlgvbnpm|ui wncrtlmsbgudepkoz|veoairu |weio ansb|xt pycimeaxhls|yp snomtlag|zeioau |éné |ërnelx i|ïnm|óór|örs|üpg",
    "sv": " adsefikptvbomhlnärguåöwc|a nrtdlsvpkgmubci|beoialjrbpusöyäåh|ckheoiycsam rt|dea uirdsnlokvjfm|ern tldsmghvxfckbpja|föirtolaeäuåfy |g aesgirätålohönud|hae åäöioutj|inlgs dtovckefamxpr|je auälnoktsd|kaotnel uirävösyk|ll aieätjnouösdgåkybpf|m eamniåpsotluäöfbr|n gdtaiesnvyolkufäcåh|omrndskctgl pbfouv|porpaåe lidutsnhg|qru|r aeitodsnäuåbkmvglfryjh|st keaosiälpönfmåuvrydhbc|t eitasouräynlkfgvmöc|u tkpnmrdslbegv|väeia bsåogynut|we ioycahs|xt peikxamlscyb|yt pclnasemogdhrvy|zo ieamk|änrlgtkvmfsdp|å tnlgsrekfdvb|é pb|örvskdpljnmg ",
    "da": " deasbiftpkvmohngrluæc|antlrdfgkv isbpmuce|berlaijus yonåøt|cehioakc rstvmu|de uirsathlgkfvodnm|er ntlsdmkgvfjbah|fo øitraeluvjfåsybægh|ge stairhlonyægøåu|hevoaæiøtjå u|inlgsk vdtoefcamrpx|je lduæasor|ketaok usrliønvfj|le ildsgatofubyøæåkpvmj|mea moiustæpånlfrhbd|n dgetnsiaukylofhvåmøjc|ordnmgpl vbktsawufceo|preåpolau diøstkfmg|qur|r eiauotdsænrkvmlbghfy|st ekioslpanmøæågdyuvhrfc|t eiatoruysljøknh|u ngkdrltpsmebcva|veiæa nost|wone sayitwhrc|x teximcypla|ypl tdsnrekmgho|zo imaek|å renkdlsbfgvmå|ænrlfvtskgdei|érnt|ørjbglnvtsdm ",
    "nb": " edstifavpkbomlhnruågøc|anrtlvskdp gmub|brelaiuojyø|cmro elhi|deri ualtjvmso|er ntlsdgkmfvipah|foirøetlaju fåy|g esgirhtjyoaånlu|haeov jtiøåur|inlkgsd vtefmpab|jeoaøupæ|kekoatr usljnyi|le iladgstoubyk|mea måtoipsæuflrvh|n gnedtsayloiøjuhkfåb|ornpgsmd lekvbtfao|ppreoåal isdgufhnøt|qur|r eiutdasnovkhråøybl|steis koljanphøumvrd|t eitaorsyøukvlnh|u ktnrgsmplbed|vea inælådsbv|ws|xa |ytl perksgmndav|z a|å krlptvedn|ær|én|økrlnpyvmdst",
    "fi": " tksvolmpejanhuyric|a alnistukrvhpmjdy|bajruiseloh ndyc|com atsrkehclvpzi|deoiaäuy fjd|ent liesrdkmvhuyjapäg|fi olrfeuapytc|goiea lurgznpb|htedakijymävuo |is tnlkvmieaorphdäj|jaoäeui|kasoiuäkeöytl|lilaeuäotkmövy j|maiäuemyop s|n netaiuäksoyöhgp|oisntl krhmdopjavuef|paoäiuperyls dtö|qur|rijaoktäveuyhrms lö|stieaä suokypmlv|tatuäei oyöskr|ustou knmliadrpjveh|vaiäoeu y|w weiocyhas|x yaixtmlcp|yt yhsöknpvlmidräjo|zo eiamck|ä änyltmhirjskvoe|öpnst yiköjälohmda|še",
    "is": " áehgfabívþtlusmkorænpd|a nðrgkflsm|beaá|diasd|ergifkxð|féiy ásu|gjaurgtiæ |hújal|in rlðtf|jaóá|kakri t|láaeljdýi|m uian|n iadnugtká|onkf|ppló|r iðsóeér|stakisol|t ativóuíoh|unrmðp |veæi|xt|yr|á nðsg|ærst|ékt|í sm|ð iums|ónrbs|úns|ýs|þóa",
    "ca": " decaplsuntimhvrqfobgéj|a rtlncdmquspgbfviç|bl aoriuejéstàcúd|coiatce ulrséh|deai uorm|e snrlutcgmivxdafbçqp|fieoaurí lf|guiaerolü nú|haeoit u|in ctósaomrdxlgepfvubq|jaeuosúp|k euifs|l aeislotuímg|meap iobéuàòsímèl|nt aoisdecvgfyúulçn|onr msdtlcpbvugf|peorlau tàicspúó|qu|r eaiortmscàòpnugvdlèqfé|s teiusopacdbó|t aerisozuàxgléí|u enstarciplbïmgdíèoj|vaeioàí éá|we ywoicars|x etiapòcyímoh|ya sepmgtoyinru|zaeoic m|à gltmrnxcsvpu|á glxnsm|ça ouà|èn tsfrxdvcig|és n|í tnscofmxaegd|ïutdsn im|ñao|òn rpsdxmg|ó ns|úm sblnt|üeí",
    "pl": " pwzdnstokumajibcelrfgżhv|a ntrdwcklmsjłćzipżbguś|biy reęalułosncąó|czhijeyoa nąutę|doazur nyelźłpmkącwósęjb|e nsrgjtmśdlkzńcwżpfłba|foiaeurn lf|goaurlóił ąednę|h acoeitnuęrwmy|ie aklnsęcodćmtwzujągżśłixp|j eaiąęnusdśomp|koati urlóscłnwęe|lieoa undkąętp|miao eóyunpksl|niaeyot uąkfnęcsdzp|o wdnsrśpmbżtgzklcjfłuń|proiulałe ncóyt|qur|rzoaetyu móidwsckglęn|stzui kłpoyeawącjóms|tayo eurkwnóęląit|u sjkżtpnrbclmławńgdzś|voa ei|waiy neosóprłąutdkczę|x txapmyecsl|y cstmkbśpwćdnłfljgzżr|zae yonimwuęądcpłktgbrj|ål|ówrłbjltżdcćźg|ą cdćpztżgł|ć |ę dptczkśg|łao ąyueękónr|ń cs|śclć wnrmb|ź nrćdw|żye nąadslok",
    "cs": " pnvszokatmjdbuceúčhrifžl|a tkdvnczslhipčšmjrubžřň|byroujasenýě ldícáiv|cheíiko tmars|denao uráiěykplsmůícřévbh|e ndstrlmjbkzcxvpčgřfhžš|foiaule trfp|giaeoul nrhp|ho lernucyvátai|i tnlvdsckzmehgpžajfxčšřá|jeíistamn dšůopň|koauty cláréeódýůvnif|loaei áuníyšékůzstňýbd|m aěeouíáůiétnpclkys|níaoeáěé tkyiýusfdncč|o vudbrsžlknztpmřhcčjš|porřleain uůěíyst|qur|roaáetui mnyévýzkůžgšlsčd|stleo akípiumvycns|t eouairnyvábílékěýřů|u pdtžjkrmbzlsšnčvágach|vayeáo niýékšsíěrulzócůdř|we oaiycws|xti pumxnecyoshlaz|y lpbtsžkhnmšgd|zeanomá idpíkvrhyubst|ánv ltzsdmkřšhcrpj|ål|é nmthsdrl|í mctskhčlvzžnprdj|ódtn|účdpsrvtkln|ý ctmsšbrvdjpk|čenaítáik luo|ďt m|ěn tljkřrdzšhscžmpvň|ňuk ota|řeiía áoůtk|šeíit nklaošpuť|ť tuo|ů žsmvjzrlbtk|žeikání adbcňšts",
    "sk": " pvsnzaokmtdbujeirchúčžflšw|a ntdkvlťszjrmhičcpšbuž|bojryeuasn likmcáúídv|chieok aítunťsrm|dnaoeur áipzlskyvbmúľícôýhf|e ndtsrľbjmlkzpxchfvgščňžďť|fiaoulóe rftpc|giaeuó lrnáoph|h oleľurcntyaávimý|iea ťndltskcuzmvhpfgibjíáxržčo|je atúindousfíšm|kot ayuáerlóýécúvnfľiô|laoei náuykšéíótú|m eaoiôuátnykpcélbs|naieáoéýtkíu yúdfnscčšz|o vdrbslmžznuktpčjhšcľw|proleani uôíäóyhtá|qru|reoaiá tuínméýdyvčkgszšclžúň|stalpk ioťúueíyvmácns|teouairn vyákíúblýéó|u pjžktmdrlnsšvábčahgľť|vay oeikýánéšsrulúóít|woe uiyasé|xti pnuxsacyemol|y tbpkmťhžsnšdcugrlvč|zaoná miíerdvľylpkuhsb|á vtcnlzsrkmšjdh|äťtčdz|ål|é hmrtdn|í vkmsctpnrzdjlčš|ódnrtpgb|ôžsvrcljzbt|ú čctrpdbsťvkhšln|ý cmrbsšlkntvhp|ći|čeaniíto kluš|ďa tžm|ěď|ĺpžňb|ľao knúsvutb|ň uoatá|ŕň|šeitía nkhulopšťm|ť ao|žieínk adušstňb",
    "hu": " aekmthfsvlbnrcjéipoáöúdüzug|a tlznpsdkgirmjbvuf|beabiá lőróöojhkcé|csíie éocmhrak|deoaáé ővjióhdntísumböfrl|eltng zrsmkhdjvábfip|feioáéürauőö fólt|gy eaoiéjárltósvgufkhőníbzp|haoeiháí téöú|i nskzlótvgdebarfáxmjpcuo|jeaá olürtudöéónúb|k eaiéoöuüktóáhbísrvcnjl|le étayláidhómívokjsőnöuüfcgr|mea éiáóoulűbítmprzsk|n edtyiaákéngocslíőfüjzu|oznlrsktgmpdvbo f|poaépcurtl eáijínksdüh|qru|reta lmáéivüokhjóöőrzdínscubű|sz aeosíiáétruőhkmbü|t eaéátoiöőróukhvsjnlímbyűü|utlsmnkgprbád he|veaáéi oőöóíüűt|weio as|x petixsbcylmh|y eaotizéfrsáhníőjvblüpműök|z etáanzoőéóivölüíkhdmgű|álsrtnbmgjakchzvf u|ésrntlkgpv hzbcm|ítmvprgjnlsz|ó dkltibsvrjnzpha|ölrnzsvtbkdmg|új ltgrzsnakv|ülkgndztr bh|ő sklrvtpbdzinjehfmao|ű vrkzesjtlmb",
    "ro": " adcpsefmnutîvlrioşbgwz|a rtclnţiudzspmgfvbşjx|biualrăo esdhţ|coaetăuihrlţcâ k|deiau oărvmd|e nrsalctţmxvigzpdbfşe|fioaeluă âfr|gaiăeur onlh|heito an|i nlctmezsifvuarpţgşbodx|juao espăi|k feiuost|le iuaoătvd|maeip obăunâl|nt ueidacoţszfăkrvg|orndmas lutpcbziwgkfşoţ|perolauăt iţâsd|qru|reiu aomtăsgcdnvklţ|steaă iucpofsm|te airăoul|u lntrimgsapcbăxdţ|vaeiăo sâur|wo esiaynr|xtpei ucaăyms|yp sgryot|zaiăueo v|ântmriţ|înţlmş|ă rtmusţc|đi|şitaue no|ţiăa ue|ȋn",
    "sl": " pnvsdzioktubjmarčelgšžc|a nvtsjlrbčkmhpzšcdžg|bionrel asjuvd|ciea ouhsrmkt|daoeni rkpmsvjgdul|e ndtlvmkrsgbzjčžpcohšf|fioe ulrafptyg|goalei run|h ktroeainuv|i lktnzjmshcvšrčdpgfao|jea oiutšnsdvbm|koa ieultrcvnsj|loieajn kutc|meo aibnulp|naioej tusdčcpkf|o vrdsgčnmlbtpškjzžf|porleia ncut|qur|raeio jstnudmkzgvžbl|steplk aionhvmrus|teiaor nuvkljp|up nsmrjtčdgvlakbžeši|v eiaosnrklztpč|w woiearcn|x tmxcaphls|y smpytnar|za nbidevouplrgkmhcj|ći|čieaun lkjro|štčeakin loj|žeina ubjl",
    "hr": " pnsokdiuzvjmartbelgcčćžf|a ntjvrkldzčcsćmpžbđšuiogh|brieaulonj hz|cieauk horstmjc|dao riženujmgvlbfzs|e ndstrmklzćgišđvbcfupao|fioea urlftsc|gau orlien|h toeviarun|i jtszmcrknlvšhčdgpof|jea uitnosk|koauel irtsvncô|liajo euntd|moa eijlubnsp|naioej utksfcdz|o dvrsnmjgtpišbzlkžčf|proliuance jd|qru|raieou ntžsgmšdkvlđ|sta evlpnkuiomjs|teiarou vnkspjh|u dpntrčsmlkćgšjzžv|vaoiernlku jcd|wei ays|x xcdaulsm|yp nty|zavni bmeuoldgr|ôd|ćeai uno|čeuikanl |đaeiu|šteai knuloćc|žbeiaundj ",
    "tr": " bskiadgeytovöphümlfuşnçrzc|ar nylkmtdsşğbzphcçvf|biuaeıoül ör|ceıauirkhü most|deiaıuüor lödvf|er nktsmlğçdycbvşzpfg|faeiı orltfu|geiöüuroaı |haeit olçsı|i nrlşzkçspmtyğhdfbc|jıa leios|k liuaotıesrükçd|laeil dımuügtosnk|mae ilıuüdcpos|n iıdleautcmügorsky|olnrskdtpğş myzfg|pao letıryismdc|qru|r iaeıulüsmtdokgnhçy|siatıeoy uülömks|taei ıuklüformöthn|u lrnmşytpzğcskbçd|veaicr ulds|wei owyrs|x tmpdsa|yaeıolifgüöd unrs|z eiaıdlcsguüomn|âl r|çie ıaobümltuö|örndğzslk|ünrzt mklyşcsğçv|ğieılruaüm|ı nlrzşckmsyğdtfç|ş tilaıuemkvüsg",
    "et": " ktsvopealmjuünrhigdõf|a ltdasrknvmhijubogep|b aierusjn|csdrom gahl|d aeuriml|e lsientdarmgkvhfob|fioa ru|giaue ornml|heitua ojkäünõv|i snmtdklriegavbopj|jauäeoõ|kuoaise kltüõmä|liela uotdgjvmkäõns|miaue äbmtõpls|ned ituangäükfoõs|oolntdsrmg hvkipfeb|paoäeri plusõckt|qur|rievanoj tugdksrmh|set iausokõülrp|teau oiüsmršnktäölõ|usdtu mnlkpbeivrgah|vaiõ eäunso|w |xp|ys|z a|äräeilhstnmpbvo|õitnepuhlsjr|ööltdrs|ühülpnkbsm dtg|še|žei",
    "lv": " pianvkjstmldšbruegcozf|a stirnkumpdvljzbšņgc|biaeūrāluīokhj|cie aēoītrskuhācl|dazueoīirās ēv|estin rmvklšpdjcezgģabžfņ|fioau ert|garuāstolišūn|ho reantui|ie nzkrsjdlptļmņfgvāca|juaūāoise vz|kasoutā lļšivecrp|laiūēesādtīro ušnpv|ma suiāēemtoīpb|noaetāui īsfdkēūn|ot dnrsjšzpklmbgņcfķ|pairāsoēeumlvtšc |qr|r oaeiēāītsmudbgkvlpķš|s taāuūikeīlēpovmns|t iasuīoeārclēkbnmvļgjtzp|u mnksrztpdšgbjlv|vaiēe āousnfī|wey|x pcsl|y u|z mvuēiīeaspāņdtorglc|ā jktrdcsmlvšipbnaz|čue|ētjlrsķmdgģ šcļpnk|ģieē|ītjgb dcmšsvkpzn|ķiēīuaep|ļeauū iāģē|ņeaēošuāi|šaioīuā ķsēerlpn|ūstdkgršm|žīouiāaēe|аp",
    "lt": " pnakstivjrebįdšglumfyžoc|as iturlpnmdkšvžgbc|baūuoeljyiųėrąts |cioehmarck slvt|daoiėružy eąįųmjv|e ilnksrtmgpdšzbfčcavj|fioaeur t|gaoiruetą zsūėųęyln|hty oneiau|i nsmketaoršdjųulpgūbzfčv|jauoeūiąųįę|kiatouelyėsrą šūmųęn|laie yoėtugįbdųęsąpk|maoeisąųuė pytbl|ntaeikugėodįyčą fųęs|o stjdrmnklgpbcf|parieulto ėšįžvmyąs|qur|rieat oubkėmdsvžšyįpąnl|s itauklųeąpmoėyvn|tiaeouryąųv ėsnškpįm|usor kmtdžnjpgviblčš|viaeoyuėmzę |w sae|x apts|ymtrksgjvdlnzb |zdieu aoėgęzm|à |è |ą rljsž|či |ėst jlrkmdvž|ę s|į vskržtjgdmp|šitak oseyįmčąvujrpl|ūsrtldk š|ų sj|žisoveytkd urmpbnėa",
    "vi": " tcđnhkbsmlvdpgxqyrea|a ̣̉ñyoiumlt|baiáôâăoêơ ưuíàh|c huóáâaôoàùư|duaưùoiâ eàfáj|em̃t ̉obrnsclhxpvẉiu|f oaiecutr|g iưàôhaoâuă|h ioâưaôàêuáơóeíúéă|i ệ̀̉análoơdưpx̃|jaso|khiêyíè u|loia àưêuâeyôơdă|m ôuaơâăiàoáeưpsl|n ghàêôóă|o ̣aǹá̉àăroklũ|ph laoredics|qur|raoiưêơtăueô ílúâásà|saưôeáău ơotsikvmc|th riaưôoêâàíăùálueơ|u ̣̉yônaâiêgàrá̃té|vàiơuéâêăôía eưoù|weyi ns|xóueá ưaioêéâcxt|y ế̀p̉̃|z oieamk|àny oim|ácn oitpy|ậ́̉̀nỹu|èm n|ép tonc|ệ́̉ǹum ̃|ín catm|ó amnpi|ộń̉̀̃i |ùny |únct pi|ặń̀̃m|đưaiôăêơâóáuíúo|ợ́̀n̉ ĩ|ượ̉́̃ ̀uan|̀n iumya|́t nicupmya|̃ niuya|̉ niamuyo|̣nc tipaoum",
}

"""Words by which banks call columns, and people say yes, no, nothing, in, out and total."""

from __future__ import annotations

from collections.abc import Mapping

MISSING: Mapping[str, tuple[str, ...]] = {
    "text": ("n/a", "#n/a", "#nv", "null", "nan", "?", "-", "--", "(null)", "<na>", "\\n"),
    "number": ("n/a", "na", "n.a.", "#n/a", "#nv", "null", "none", "nan", "nil", "?", "-", "--",
               ".", "(null)", "<na>", "\\n", "0000-00-00", "00.00.0000", "00/00/0000", "0000/00/00",
               "00000000", "0000-00-00 00:00:00", "keine angabe", "n.v.t.", "s/d", "n.v.", "k.a.",
               "unknown",
               "unbekannt", "inconnu"),
}  # fmt: skip
"""Words for a value that is not there: in text, where NA may be a place; in numbers and days."""

CURRENCIES = (
    "EUR", "USD", "GBP", "CHF", "JPY", "CNY", "RMB", "HKD", "SGD", "TWD", "KRW", "INR", "IDR",
    "MYR", "THB", "PHP", "VND", "AUD", "NZD", "CAD", "MXN", "BRL", "ARS", "CLP", "COP", "PEN",
    "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB", "UAH", "ILS",
    "ZAR", "AED", "SAR", "EGP", "NGN", "KES", "DEM", "ATS", "FRF", "Fr.", "SFr.", "Kč", "kr.",
    "kr", "zł", "Ft", "lei", "Rs.", "Rs", "RM", "Rp", "R", "TL", "лв.", "лв", "EUR.", "Euro",
    "Euros", "dollars", "元", "円", "원", "руб.", "руб", "р.", ",-", ".-", ",--",
)  # fmt: skip

_MONTHS = (
    (
        "jan january januar januari janvier janv enero ene gennaio gen janeiro janner jaenner "
        "styczen stycznia leden ledna"
    ),
    (
        "feb february februar februari februarie fevrier fevr fev febrero febr febbraio fevereiro "
        "feber luty lutego unor unora"
    ),
    "mar march marz maerz mrz mars maart mrt marzo marco marts marec marca brezen brezna",
    "apr april avril avr abril abr aprile kwiecien kwietnia duben dubna",
    "may mai mayo mei maggio mag maio maj maja kveten kvetna",
    "jun june juni juin junio giugno giu junho czerwiec czerwca cerven cervna",
    "jul july juli juillet juil julio luglio lug julho lipiec lipca cervenec cervence",
    "aug august augustus augusti aout agosto ago sierpien sierpnia srpen srpna",
    (
        "sep sept september septembre septiembre setiembre settembre set setembro wrzesien "
        "wrzesnia zari"
    ),
    (
        "oct october oktober okt octobre octubre ottobre ott outubro out pazdziernik pazdziernika "
        "rijen rijna"
    ),
    "nov november novembre noviembre novembro listopad listopada listopadu",
    (
        "dec december dezember dez decembre diciembre dic dicembre dezembro grudzien grudnia "
        "prosinec prosince"
    ),
)
MONTHS: Mapping[str, int] = {
    name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()
}
"""Names of months without accents, in lower case: their number."""

WEEKDAY = (
    "mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mo"
    "|di|mi|do|fr|sa|so"
    "|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|ma|wo|vr|za|zo|(?:maan|dins"
    "|woens|donder|vrij|zater|zon)dag"
    "|lun|mar|mer|jeu|ven|sam|dim|(?:lun|mar|mercre|jeu|vendre|same)di|dimanche|lunes|martes|mie"
    "|miercoles|jue|jueves|vie|viernes"
    "|sab|sabado|dom|domingo|lunedi|martedi|mercoledi|giovedi|venerdi|sabato|domenica"
)
"""Names of the days of the week without accents, in lower case (regular expression)."""

FLAGS: tuple[tuple[str, str], ...] = (
    ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"), ("1", "0"), ("ja", "nein"),
    ("j", "n"), ("wahr", "falsch"), ("w", "f"), ("ja", "nee"), ("waar", "onwaar"), ("oui", "non"),
    ("o", "n"), ("vrai", "faux"), ("v", "f"), ("sí", "no"), ("si", "no"), ("s", "n"),
    ("verdadero", "falso"), ("sim", "não"), ("sim", "nao"), ("sì", "no"), ("vero", "falso"),
    ("tak", "nie"), ("t", "n"), ("ano", "ne"), ("ja", "nej"), ("ja", "nei"), ("evet", "hayır"),
    ("e", "h"), ("igen", "nem"), ("да", "нет"), ("так", "ні"), ("是", "否"), ("有", "无"),
    ("有", "無"), ("真", "假"), ("はい", "いいえ"), ("예", "아니오"), ("네", "아니요"),
    ("on", "off"), ("x", ""), ("✓", ""), ("✔", ""), ("x", "-"), ("x", "o"), ("1.0", "0.0"),
    ("1,0", "0,0"), ("-1", "0"), ("kyllä", "ei"), ("☑", "☐"), ("☒", "☐"), ("○", "×"),
    ("ya", "tidak"), ("có", "không"), ("ใช่", "ไม่"), ("da", "nu"), ("da", "ne"), ("áno", "nie"),
    ("jah", "ei"), ("taip", "ne"), ("jā", "nē"), ("ναι", "όχι"), ("כן", "לא"), ("نعم", "لا"),
    ("हाँ", "नहीं"), ("accepted", "declined"), ("bought", "not bought"), ("sold", "not sold"),
)  # fmt: skip
"""Pairs of words for true and false: a column is a flag only where both come from one pair."""

DIRECTIONS: tuple[tuple[str, str], ...] = (
    ("d", "c"), ("dr", "cr"), ("dbit", "crdt"), ("debit", "credit"), ("db", "cr"), ("s", "h"),
    ("soll", "haben"), ("lastschrift", "gutschrift"), ("ausgang", "eingang"),
    ("belastung", "gutschrift"), ("af", "bij"), ("débit", "crédit"), ("debe", "haber"),
    ("cargo", "abono"), ("dare", "avere"), ("out", "in"), ("outgoing", "incoming"),
    ("withdrawal", "deposit"), ("outflow", "inflow"), ("expense", "income"),
    ("payment", "receipt"), ("paid out", "paid in"), ("-", "+"), ("借", "贷"), ("借方", "贷方"),
    ("支出", "收入"), ("支", "收"), ("出", "入"), ("転出", "転入"), ("vydaj", "prijem"),
    ("výdaj", "příjem"), ("w", "d"), ("расход", "приход"), ("дебет", "кредит"), ("dr.", "cr."),
    ("d", "k"), ("d", "a"), ("debet", "credit"), ("debet", "kredit"), ("debit", "kredit"),
    ("debito", "credito"), ("débito", "crédito"), ("débit", "credit"),
    ("debit entry", "credit entry"), ("debits", "credits"), ("debited", "credited"),
    ("sollbuchung", "habenbuchung"), ("ausgabe", "einnahme"), ("ausgaben", "einnahmen"),
    ("auszahlung", "einzahlung"), ("abgang", "zugang"), ("wd", "dep"), ("withdraw", "deposit"),
    ("money out", "money in"), ("payment out", "payment in"), ("sent", "received"),
    ("spent", "received"), ("expense", "revenue"), ("dépense", "recette"), ("sortie", "entrée"),
    ("gasto", "ingreso"), ("egreso", "ingreso"), ("salida", "entrada"), ("saída", "entrada"),
    ("uscita", "entrata"), ("addebito", "accredito"), ("uit", "in"), ("uitgave", "inkomst"),
    ("obciążenie", "uznanie"), ("wydatek", "wpływ"), ("出金", "入金"), ("转出", "转入"),
    ("付", "收"), ("out", "into"), ("uitgaven", "inkomsten"), ("uitgaand", "inkomend"),
    ("gastos", "ingresos"), ("egresos", "ingresos"), ("cargos", "abonos"), ("uscite", "entrate"),
    ("débits", "crédits"), ("dépenses", "recettes"), ("abhebung", "einzahlung"),
)  # fmt: skip
"""Pairs of words for money that went out of an account and came in."""

TOTALS = (
    "total", "totals", "grand total", "sum", "subtotal", "summe", "gesamt", "gesamtsumme",
    "zwischensumme", "total général", "totaal", "suma", "totale", "razem", "celkem", "合计",
    "总计", "小计", "合計", "总和", "итого", "всего", "summa", "totalt", "gesamtergebnis",
    "sub-total", "toplam", "összesen", "yhteensä", "soma", "ukupno", "합계", "총계", "소계",
    "計", "総計", "小計",
)  # fmt: skip
"""Words that begin a row of totals."""

PRODUCT_WORDS = (
    "account", "current", "checking", "chequing", "saving", "deposit", "card", "loan", "mortgage",
    "credit", "fund", "insur", "pension", "securit", "portfolio", "stock", "bond", "overdraft",
    "lease", "invest", "brokerage", "payroll", "direct debit", "giro", "konto", "sparen", "spar",
    "tagesgeld", "festgeld", "karte", "kredit", "darlehen", "hypothek", "baufin", "fonds", "depot",
    "versicherung", "rente", "compte", "livret", "epargne", "carte", "pret", "credit", "assurance",
    "titres", "cuenta", "ahorro", "tarjeta", "hipoteca", "prestamo", "fondo", "seguro", "nomina",
    "plan", "valores", "recibo", "rekening", "hypotheek", "lening", "活期", "定期", "存款",
    "信用卡", "借记卡", "贷款", "房贷", "基金", "保险", "理财", "黄金", "国债", "手机银行", "网银",
)  # fmt: skip
"""Parts of the names of products."""

SYNONYMS: Mapping[str, Mapping[str, str]] = {
    "customers": {
        "customer_id": "customerid customer custid customerno customernumber custno clientid "
        "client clientno clientnumber numeroclient numclient nclient noclient idclient "
        "codeclient userid memberid memberno partyid cif cifno accountid kundennummer kundenid "
        "kundennr kdnr kunde klant klantnummer klantid cliente idcliente numerocliente "
        "clientecod ncodpers klient idklienta 客户号 客户编号 客户id 客户代码 客户 客号 顧客番号 "
        "id codicecliente numeroklienta nrklienta kundnummer kundnr asiakasnumero codigocliente "
        "顧客id 顧客コード 고객번호 고객id idклиента кодклиента номерклиента клиент",
        "birth_date": "birthdate dateofbirth dob birthday born geburtsdatum gebdatum gebdat "
        "geburtstag datenaissance datedenaissance naissance fechanacimiento fechadenacimiento "
        "geboortedatum 出生日期 出生年月 生日 生年月日 datadinascita datanascita "
        "datadenascimento datanascimento dataurodzenia fodelsedatum fodelsedag syntymaaika "
        "fodselsdato datumnarozeni 생년월일 датарождения",
        "gender": "gender sex geschlecht sexe sexo geslacht 性别 性別 sesso plec kon kjonn "
        "sukupuoli pohlavi genero 성별 пол",
        "region": "region state province county bundesland district kanton departement provincia "
        "regio nomprov 地区 省份 所在地区 区域 regione wojewodztwo uf 都道府県 地域 지역 регион "
        "область",
        "joined_on": "joinedon joined joindate customersince clientsince since registrationdate "
        "signupdate accountopened opendate kundeseit clientdepuis fechaalta klantsinds 开户日期 "
        "开户时间 入行日期 clientedal clientedesde datacadastro klientod kundsedan kundesiden "
        "asiakasalkaen 入会日 가입일 клиентс датарегистрации",
        "risk_tolerance": "risktolerance riskprofile riskappetite risikoprofil risikoklasse "
        "风险承受能力",
        "marketing_opt_out": "marketingoptout optout optedout donotcontact nomarketing donotmail "
        "donotcall werbesperre werbewiderspruch widerspruch robinson objection "
        "objectstomarketing oppositionmarketing opposition noquierepublicidad geenreclame "
        "拒绝营销 营销拒绝 谢绝推销",
        "marketing_consent": "marketingconsent consent optin optedin marketingoptin "
        "marketingallowed maycontact contactallowed werbeeinwilligung einwilligung "
        "werbeerlaubnis consentement consentementmarketing consentimiento toestemming 同意营销 "
        "营销同意",
    },
    "products": {
        "product_id": "productid productcode productno product produktid produkt produktnummer "
        "produit codeproduit producto idproducto 产品编号 产品代码 产品号 id prodotto "
        "produktnamn produkty 商品名 商品 상품명 상품 продукт",
        "name": "name productname produktname produktbezeichnung description title bezeichnung "
        "libelle nom nombre naam 产品名称 名称",
        "family": "family category productfamily productgroup producttype type group "
        "produktgruppe kategorie famille categorie familia 产品类别 产品大类 类别",
        "risk_rating": "riskrating riskclass risk risikoklasse 风险等级",
        "annual_margin": "annualmargin margin yearlymargin marge deckungsbeitrag",
    },
    "holdings": {
        "customer_id": "",
        "product_id": "productid productcode productno product productname produktid produkt "
        "produktname produit producto 产品名称 产品编号 产品代码 产品 商品名 prodotto "
        "nomeprodotto codiceprodotto produto nomeproduto codproduto nazwaproduktu produktnamn "
        "tuote 商品 商品コード 상품명 상품 상품코드 продукт",
        "opened_on": "openedon opendate opened dateopened startdate start validfrom since begin "
        "boughton eroffnet eroffnungsdatum abschlussdatum beginn datum opendatum dateouverture "
        "ouverture fechaapertura 开通日期 开户日期 起始日 购买日期 dataapertura dataabertura "
        "dataotwarcia oppnad oppningsdatum avattu dataattivazione 開設日 契約日 개설일 "
        "датаоткрытия",
        "closed_on": "closedon closedate closed dateclosed enddate end validto until geschlossen "
        "schliessungsdatum ende datefermeture fermeture fechacierre einddatum 关闭日期 销户日期 "
        "到期日 结束日期 datachiusura dataencerramento datazamkniecia avslutad stangd paatetty "
        "解約日 해지일 датазакрытия",
    },
    "transactions": {
        "customer_id": "",
        "booked_on": "bookedon bookingdate bookdate date transactiondate trxdate txndate "
        "valuedate postedon datum buchungsdatum buchungstag boekdatum dateoperation "
        "datecomptable fecha fechaoperacion day 交易日期 交易时间 记账日期 日期 dataoperazione "
        "datacontabile datamovimento data datatransacao datamovimentacao dataoperacji "
        "dataksiegowania bokforingsdag bokforingsdatum transaktionsdatum kirjauspaiva 取引日 "
        "거래일 거래일자 датаоперации дата",
        "amount": "amount amt transactionamount betrag umsatz bedrag montant importe monto "
        "importo sum value spend 金额 交易金额 发生额 valor kwota belopp belob belop summa "
        "castka 取引金額 거래금액 금액 суммаоперации сумма",
        "kind": "kind type transactiontype category purpose buchungstext verwendungszweck art "
        "typ categorie tipo 交易类型 类型 摘要 causale descrizione opis tekst тип",
        "channel": "channel medium kanal canal kanaal 渠道 交易渠道 канал",
        "debit": "debit debits debitamount withdrawal withdrawals paidout moneyout soll "
        "lastschrift belastung montantdebit cargo cargos af auszahlung ausgabe ausgaben sortie "
        "depense gasto salida uscita debito debe dare outflow paymentout 借方金额 借方 支出 "
        "支出金额 出金額 uttag obciazenie saida 출금액 дебет расход",
        "credit": "credit creditamount deposit deposits paidin moneyin haben gutschrift "
        "montantcredit abono abonos bij einzahlung einnahme einnahmen entree recette ingreso "
        "entrada entrata credito haber avere inflow paymentin credits 贷方金额 贷方 收入 存入 "
        "收入金额 入金額 insattning uznanie 입금액 кредит приход",
        "direction": "direction richtung richting drcr dc dcindicator debitcredit creditdebit "
        "cdtdbtind sollhaben sh kennzeichen afbij sens sign indicator 借贷标志 借贷 收支 方向 "
        "segno",
    },
    "contacts": {
        "campaign_id": "campaignid campaign campaignname wave kampagne campagne campana aktion "
        "活动 活动名称 活动编号 营销活动",
        "customer_id": "",
        "contacted_on": "contactedon contactdate contacted sentdate senton date day datum "
        "kontaktdatum versanddatum datecontact fecha 联系日期 触达日期 接触日期 data "
        "datacontatto datacontato datakontaktu датаконтакта дата",
        "arm": "arm treatment treated variant testgroup group gruppe groupe grupo groep "
        "segmentgroup experimentgroup 组别 分组 实验组 组 gruppo grupa grupp группа",
        "product_id": "productid productcode product offer produktid produkt produit producto "
        "产品名称 产品编号 产品代码 产品",
        "channel": "channel medium kanal canal kanaal 渠道",
        "cost": "cost contactcost kosten cout coste 成本 费用",
        "propensity": "propensity probability assignmentprobability assignmentprob "
        "treatmentprobability ziehungswahrscheinlichkeit wahrscheinlichkeit probabilite "
        "probabilita probabilidad вероятность 概率",
        "responded": "responded response converted conversion accepted bought purchased reagiert "
        "reaktion gekauft abschluss reponse achat respondio respuesta gereageerd 响应 是否响应 "
        "是否购买 成交 y target risposta reakcja resposta svar отклик",
        "value": "value revenue profit margin spend sales ertrag umsatz valeur importe 价值 收益 "
        "金额",
    },
}
"""Names by which banks call the columns of the contracts, without case, blanks and signs."""

HINTS: Mapping[str, str] = {
    "customers": "cust|client|people|member|person|kunde|klant|cliente|客户|顧客",
    "products": "prod|catalog|产品目录",
    "holdings": "hold|own|polic|contract|bestand|account|kont[oe]|vertr|compte|cuenta|持有|账户"
    "|合约",
    "transactions": "trans|trx|txn|payment|booking|buchung|beweg|umsatz|umsaetze|mouvement"
    "|operation|movim|交易|流水|明细",
    "contacts": "contact|campaign|response|mailing|kampagne|kontakt|campagne|营销|活动",
}
"""What names of files say of their tables (regular expressions)."""

DATE_HINT = (
    "dat|day|time|born|birth|open|clos|join|since|until|_on$|_at$|^on$|tag|jour|fecha|geb"
    "|seit|eroff|ouvert|日期|时间|日$"
)
IDENTIFYING = (
    "name|mail|phone|mobile|tel|fax|address|street|strasse|iban|ssn|passport|birth_?number|tax"
    "|steuer|zip|post|plz|card"
    r"|account|konto|kunde.*n|login|user|\bip$|_ip$|姓名|电话|手机|地址|身份证|卡号|账号|邮编|邮箱"
)
CODES = (
    r"zip|postal|post_?code|plz|postleit|post_?n[ru]|code_?post|c[oó]digo_?postal|cap$|^cep$|^npa$"
    r"|phone"
    r"|mobile|tel(?:ef|_?n|$)|fax|iban|bic$|ssn|邮编|电话|手机|郵便|電話|番号|コード|우편|번호|전화"
    r"|(?:^|[\W_])(?:id|no|nr|num|number|numer|cod|code|kod|key)$|(?-i:[a-z](?:Id|No|Nr)$)|branch|filial"
    r"|sucursal|agenzia|oddzia|advis[eo]r|berater|支店|지점|网点"
)
SENSITIVE = (
    "relig|ethn|race|nation|health|disab|orient|politic|union|marital|famil|民族|国籍|婚姻|宗教"
)
OUTCOME = (
    "respon|target|outcome|convert|accept|churn|^y$|bought|purchas|label|uplift|sold"
    "|gekauft|abgeschlossen|achet|acquist|köp|kupi|compr[oó]|comprou|conver[st]i|reak[ct]|risposta"
    "|resposta|odpowied|svar|结果|响应|成交|流失|購入|反応|成約|구매|반응"
)
RESPONSE = (
    f"{OUTCOME}|result|r[eé]sultat|erfolg|ergebnis|esito|r(?:ü|ue)ckm|kauf|bestell|order|abschluss"
    "|deal|sale|success|exito|éxito|wynik|result|koop|vente|venta|vendita|购买|申込|구입"
)
NOT = (
    r"(?i)(?<![^\W_])(?:no|non|not|nicht|kein|keine|pas|sin|nao|não|nie|ne|geen|niet)(?![^\W_])"
    r"|declin|refus|reject|ablehn|abgelehn|rifiut|rechaz|odmow|未|没|不|无"
)
LEFT_OUT = (
    r"(?i)control|kontrol|contr[oôó]l|hold.?out|vergleich|reserve|none|nobody|ohne|kein|aucun|sans"
    r"|nessun|ning[uú]n|nenhum|geen|niet|brak|blank|不|无|对照|対照|대조"
)
MEASURE = (
    "income|salary|balance|amount|revenue|sales|limit|score|age|einkommen|gehalt|saldo|umsatz"
    "|betrag|revenu|solde|ingres"
    "|renta|saldo|value|assets|wealth|volume|turnover|spend|收入|余额|资产|金额"
)
"""Parts of names (regular expressions) of days, of what identifies a person, of codes that are no
numbers however few there are, of what is sensitive, of outcomes, of responses, of what is denied,
of those left out of a campaign, and of measures whose values may all differ."""


ARM = (
    r"treat|sent$|mailed|called|targeted|contacted|exposed|hold_?out|control|kontroll|variant|version"
    r"|cell|zelle|segment|test|experiment|angeschrieben|kontaktiert|grup|groep|skupin|csoport|ryhm"
    r"|group|群|組|组|グループ|그룹|対照|对照"
)
QUANTITY = (
    r"quant|qty|count|units|number|anzahl|menge|stück|nombre|cantidad|aantal|ilo[sś][cć]|antal"
    r"|balance|saldo|solde|bestand|volume|数量|件数|残高|余额|잔액|수량"
)
"""Parts of names (regular expressions) of columns of contacts that say who was contacted with what,
and of columns of holdings that say how much is held."""

STATUS = (
    r"status|zustand|statut|estado|^stato$|状态|状態|^(is_?)?(activ|aktiv|actif)"
    r"|storn|revers|cancel|annul|void|冲正"
)
CURRENCY = r"currency|^ccy$|^curr?$|w(?:ä|ae)hrung|devise|moneda|divisa|valuta|币种|货币|通貨"
"""Parts of names (regular expressions) of columns that say whether an account or payment counts,
and in which currency an amount is."""

MARKETING: Mapping[str, str] = {
    "marketing_opt_out": r"opt\W*_?out|unsubscri|withdr|widerruf|revo[kc]|do_?\W*not|dont"
    r"|no_?\W*(market|contact|mail|call|advert|newsletter|pub)"
    r"|\b(dnc|dnm)\b|^dn[cm]_|_dn[cm]$|nicht_?\W*(kontakt|anruf|werb|mail|bewerb)"
    r"|niet_?\W*(bel|mail|contact|benader)|ne_?\W*pas"
    r"|pas_?\W*de|non_?\W*(contat|disturb)|nie_?\W*kontakt|stop_?\W*pub|black_?\W*list|黑名单|免打扰"
    "|kein|sperr|spärr|widerspr|robinson|refus|recus|rifiut|oppos|object|suppress|block|bloctel|geen"
    "|abgemeldet|sin_?publi|sprzeciw|n[aã]o_?\\W*(pert|contat|contac|incomod)|kielto|frabed|reserv"
    "|退订|拒绝|谢绝|勿扰|拒否|不可|停止|不要|거부|수신거절",
    "marketing_consent": r"opt\W*_?in(?!g)|consent|permi[st]|newsletter|einwillig|erlaub|allow"
    r"|gdpr|dsgvo|rgpd|marketing"
    "|werbung|toestem|consen[st]|autori[sz]|subscri|advert|accepte?_|zgoda|samtyck|samtykke|suostumus"
    "|souhlas|súhlas|hozzájárul|izni|aceit|reklam|pubblicit|publicidade|markkinoin|мaркет|согласие"
    "|同意|订阅|允许|希望|配信|동의|수신|마케팅|マーケティング",
}
"""Parts of names (regular expressions) of columns that say who objects or agrees to marketing."""

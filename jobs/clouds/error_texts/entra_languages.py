"""Sentences of Entra's sign-in pages in other languages than English and German.

Token answers are in English, regardless of the person's language. Sign-in pages are in the person's
language, and people copy their headings. Words of an administrator and of an approval near each
other mean the same in all of the Romance languages, so one pattern covers several headings.
"""

from __future__ import annotations

_ADMIN = r"(?:a(?:d|m)ministra(?:t[eo]r|teur|dor|tor|tore)\w*|beheerder\w*|administrator\w*|администратор\w*)"
_APPROVAL = (
    r"(?:appro[bv]a(?!l)\w+|aproba\w+|aprova\w+|consent(?:ement|imiento|imento|so)\b|goedkeuring\w*|"
    r"zatwierdzeni\w+|zgod\w+|akceptacj\w+|утвержден\w+|одобрен\w+|godk(?:ä|e)n\w+)"
)
_ENTER = r"(?:acc[eé]der\w*|acceder\w*|acceso|accedere|aceder|acessar|accesso|toegang)"
_THIS = (
    r"(?:y accéder|accéder à ce(?:la|ci)|acceder a esto|accedere (?:a quest[oa]|alla risorsa)|"
    r"(?:acessar|aceder a) is[ts]o|hiertoe|hier .{0,20}toegang)"
)
_NOW = r"(?:pour l'instant|pour le moment|actuellement|en este momento|ahora mismo|al momento|in questo momento|neste momento|no momento|momenteel|op dit moment)"

WORDS: tuple[tuple[str, str], ...] = (
    (
        "admin_consent_required",
        (
            rf"\b{_APPROVAL}.{{0,25}}\b{_ADMIN}.{{0,12}}(?:requ?is|n[eé]cess|obligatoire|vereist|nodig|necesari|\W|$)|"
            rf"\b{_ADMIN}.{{0,20}}\b{_APPROVAL}|administratörsgodkännande|"
            r"管理者の承認(?:が|を)|需要管理员(?:批准|审批|同意)|需要(?:系統)?管理員(?:核准|同意)|관리자 승인|"
            r"(?:schválení|souhlas) správce|yönetici onay\w+"
        ),
    ),
    (
        "blocked_by_conditional_access",
        (
            r"acc[eè]s conditionnel|acceso condicional|accesso condizionale|acesso condicional|"
            r"voorwaardelijke toegang|dostęp\w* warunkow\w+|условн\w+ доступ\w*|"
            r"条件付きアクセス|条件访问|條件式存取|조건부 액세스|"
            rf"\b{_THIS}.{{0,40}}{_NOW}|{_NOW}.{{0,40}}\b{_THIS}|"
            r"(?:répond|remplit|satisfait) pas (?:aux|les) critères|no cumple (?:con )?los criterios|"
            r"non soddisfa i criteri|não (?:atende|cumpre|satisfaz) (?:a?os )critérios|"
            r"voldoet niet aan de criteria|(?:現時点|現在)(?:では)?、?これには?アクセスできません|"
            r"アクセスするための条件を満たし|(?:现在|目前)无法访问此|目前無法存取此|組織のポリシーを満たしていません"
        ),
    ),
    (
        "device_not_accepted",
        (
            rf"\b{_ENTER}\b.{{0,40}}(?:à partir d'ici|depuis cet emplacement|desde aquí|da qui\b|a partir daqui|vanaf hier)|"
            r"ここからはアクセスできません|从此处无法访问|无法从此处访问"
        ),
    ),
    (
        "mfa_registration_needed",
        (
            r"informations (?:supplémentaires|complémentaires) (?:sont )?(?:requises|nécessaires)|"
            r"plus d'informations (?:sont )?(?:requises|nécessaires)|(?:se necesita|se requiere) más información|"
            r"sono necessarie (?:altre|ulteriori) informazioni|(?:são )?necessárias mais informações|"
            r"mais informações (?:são )?necessárias|meer informatie (?:is )?vereist|詳細情報が必要|需要(?:更多|详细)信息"
        ),
    ),
    (
        "password_wrong",
        (
            r"mot de passe (?:est |sont )?incorrects?|contraseña (?:no (?:es|son) correct|(?:es |son )?incorrect)|"
            r"password non (?:è )?corrett|(?:palavra-passe|senha) (?:está |é )?incorret|"
            r"wachtwoord (?:is )?(?:onjuist|niet juist)|パスワードが正しくありません|密码不正确|密碼不正確"
        ),
    ),
    (
        "account_locked",
        (
            r"compte (?:est |a été )?(?:temporairement )?verrouillé|cuenta (?:está |ha sido )?(?:temporalmente )?bloqueada|"
            r"account (?:è )?temporaneamente bloccato|conta (?:está )?temporariamente bloqueada|"
            r"account is tijdelijk vergrendeld|一時的にロック|暂时锁定"
        ),
    ),
)
"""Causes with the words of Entra's pages in other languages, most specific first."""
SIGNS = (
    r"approbation (?:de l')?administrateur|aprobación del administrador|approvazione dell'amministratore|"
    r"aprovação do administrador|goedkeuring (?:van|door) (?:een |de )?beheerder|管理者の承認が必要|"
    r"需要管理员(?:批准|审批)|需要系統管理員核准|"
    r"acc[eè]s conditionnel|acceso condicional|accesso condizionale|acesso condicional|"
    r"voorwaardelijke toegang|条件付きアクセス|条件访问|條件式存取|"
    r"(?:現時点|現在)(?:では)?、?これには?アクセスできません|"
    r"critères d'accès à cette ressource|acceder a esto en este momento|criterios para acceder a este recurso|"
    r"difficult\w+ à vous connecter|problemas para iniciar (?:su|tu) sesión|"
    r"problemi durante l'accesso|problemas (?:em|ao) (?:iniciar a sessão|entrar)"
)
"""Words that only Entra's pages use. They show that a text comes from Entra."""
ERROR_CODE = (
    r"code d'erreur|código de err?or|código de erro|codice (?:di )?errore|foutcode|kod błędu|"
    r"код ошибки|felkod|fejlkode|エラー ?コード|错误代码|錯誤碼|오류 코드"
)
"""Pattern of the field name for the error number on a sign-in page, in other languages."""

#include "unit.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "conf/env_file.h"
#include "no_memory.h"
#include "temp_folder.h"

static char why[CONF_WHY_BYTES];
static char *const environment[] = { "HOME=/h", "EMPTY=", NULL };

/* "NAME=[value] NAME" of a list; a name alone has no value. */
static const char *listed(const struct env_entry *e, char text[1024])
{
    size_t len = 0;
    text[0] = '\0';
    for (; e; e = e->next)
        len += (size_t)snprintf(text + len, 1024 - len, e->value ? "%s%s=[%s]" : "%s%s",
                                len > 0 ? " " : "", e->name, e->value);
    return text;
}

struct env_case {
    const char *why, *text, *want;                     /* want NULL: refused */
};

/* What python-dotenv's README (1.2, "File format" and "Getting Started") promises, sentence by
 * sentence. */
static const struct env_case documented[] = {
    { "the first example, a comment above",
      "# Development settings\n"
      "DOMAIN=example.org\n"
      "ADMIN_EMAIL=admin@${DOMAIN}\n"
      "ROOT_URL=${DOMAIN}/app\n",
      "DOMAIN=[example.org] ADMIN_EMAIL=[admin@example.org] ROOT_URL=[example.org/app]" },
    { "keys can be unquoted or single-quoted", "FOO=1\n'BAR'=2", "FOO=[1] BAR=[2]" },
    { "values unquoted, single- or double-quoted", "A=x y\nB='x y'\nC=\"x y\"",
      "A=[x y] B=[x y] C=[x y]" },
    { "spaces before and after keys, equal signs and values are ignored",
      "  A  =  1  \n  'B'  =  '2'  \n  C  =  \"3\"  ", "A=[1] B=[2] C=[3]" },
    { "values can be followed by a comment", "A=1 # one\nB='2' # two\nC=\"3\" # three",
      "A=[1] B=[2] C=[3]" },
    { "'export' does not affect the interpretation",
      "export A=1\nexport 'B'='2'\n  export   C = \"3\"\nexport D",
      "A=[1] B=[2] C=[3] D" },
    { "in single quotes: \\\\ and \\'", "A='\\\\'\nB='\\''", "A=[\\] B=[']" },
    { "in single quotes: no others", "A='\\\"\\a\\b\\f\\n\\r\\t\\v'",
      "A=[\\\"\\a\\b\\f\\n\\r\\t\\v]" },
    { "in double quotes: all ten", "A=\"\\\\\\'\\\"\\a\\b\\f\\n\\r\\t\\v\"",
      "A=[\\'\"\a\b\f\n\r\t\v]" },
    { "a value over lines", "FOO=\"first line\nsecond line\"", "FOO=[first line\nsecond line]" },
    { "its equivalent", "FOO=\"first line\\nsecond line\"", "FOO=[first line\nsecond line]" },
    { "single quotes over lines", "FOO='first line\nsecond line'",
      "FOO=[first line\nsecond line]" },
    { "a variable can have no value", "FOO", "FOO" },
    { "which is not the empty one", "FOO=", "FOO=[]" },
    { "bare variables are not expanded", "DOMAIN=x\nA=$DOMAIN", "DOMAIN=[x] A=[$DOMAIN]" },
    { "expansion: the value in the file first", "HOME=/f\nA=${HOME}", "HOME=[/f] A=[/f]" },
    { "expansion: then the environment", "A=${HOME}\nB=${HOME:-d}", "A=[/h] B=[/h]" },
    { "expansion: then the default", "A=${NONE:-d}", "A=[d]" },
    { "expansion: then the empty string", "A=${NONE}", "A=[]" },
};

/* What python-dotenv 1.2 makes of each was asked of it. */
static const struct env_case cases[] = {
    { "nothing", "", "" },
    { "blank lines and comments", "\n  \n# a=b\n\t# c\n", "" },
    { "plain", "A=1\nB=2\n", "A=[1] B=[2]" },
    { "no line end at the end", "A=1", "A=[1]" },
    { "blanks around everything", " A \t=  b c \t\nB=2", "A=[b c] B=[2]" },
    { "line ends of Windows and Macs", "A=1\r\nB=2\rC=3", "A=[1] B=[2] C=[3]" },
    { "line ends inside quotes", "A='1\r\n2\r3'", "A=[1\n2\n3]" },
    { "a BOM",
      "\xef\xbb\xbf"
      "A=1",
      "A=[1]" },
    { "a BOM elsewhere is a character", "A=\xef\xbb\xbf", "A=[\xef\xbb\xbf]" },
    { "empty values", "A=\nB= \nC=''\nD=\"\"", "A=[] B=[] C=[] D=[]" },
    { "a name alone", "A\nB # x\nexport C", "A B C" },
    { "a name alone, then a comment", "A#b=c", "A" },
    { "export", "export A=1\nexport\tB=2\nexport=3\nexporter=4",
      "A=[1] B=[2] export=[3] exporter=[4]" },
    { "export and nothing", "export # x\nexport", "export" },
    { "export without a name", "export =1", NULL },
    { "a quoted name", "'A B'=1\n'C'", "A B=[1] C" },
    { "a quoted name, empty", "''=1", NULL },
    { "a quoted name, not closed", "'A=1", NULL },
    { "double quotes are of the name", "\"A\"=1", "\"A\"=[1]" },
    { "'=' in a value", "A=b=c", "A=[b=c]" },
    { "a comment behind a value", "A=b # c\nB=b\t#c\nC=b#c\nD=b #c #d",
      "A=[b] B=[b] C=[b#c] D=[b]" },
    { "'#' first in a value", "A=#b\nB= # c\nC= #c", "A=[#b] B=[] C=[]" },
    { "a comment behind quotes", "A='b' # c\nB=\"b\"#c", "A=[b] B=[b]" },
    { "'#' in quotes", "A='b # c'\nB=\"b # c\"", "A=[b # c] B=[b # c]" },
    { "quotes inside a plain value", "A=b'c'\nB=it's", "A=[b'c'] B=[it's]" },
    { "more behind quotes", "A='b' c", NULL },
    { "more behind quotes, at once", "A='b'c", NULL },
    { "quotes over lines", "A='1\n2'\nB=\"3\n\n4\"", "A=[1\n2] B=[3\n\n4]" },
    { "quotes that are not closed", "A=1\nB='x\nC=3", NULL },
    { "a backslash at the very end", "A='x\\", NULL },
    { "an escaped quote at the end", "A='x\\'", NULL },
    { "escapes in single quotes", "A='\\\\ \\' \\n \\\" \\x'", "A=[\\ ' \\n \\\" \\x]" },
    { "escapes in double quotes", "A=\"\\\\ \\' \\\" \\n \\t \\x\"", "A=[\\ ' \" \n \t \\x]" },
    { "the rest of the escapes", "A=\"\\a\\b\\f\\r\\v\"", "A=[\a\b\f\r\v]" },
    { "an escaped backslash, a quote", "A=\"x\\\\\"", "A=[x\\]" },
    { "no escapes without quotes", "A=x\\ny", "A=[x\\ny]" },
    { "Unicode in values", "A=\xc3\xa9\xe6\x97\xa5", "A=[\xc3\xa9\xe6\x97\xa5]" },
    { "Unicode's blanks",
      "A=\xc2\xa0x\xe3\x80\x80\n\xe2\x80\x83"
      "B=1",
      "A=[x] B=[1]" },
    { "not UTF-8", "A=\xff", NULL },
    { "a cut character", "A=\xe6\x97", NULL },
    { "an overlong one", "A=\xc0\xaf", NULL },
    { "a surrogate", "A=\xed\xa0\x80", NULL },
    { "a sentence", "this is no statement", NULL },
    { "only '='", "=x", NULL },
    { "a reference to a line above", "A=1\nB=${A}2${A}", "A=[1] B=[121]" },
    { "a reference to a line below", "B=${A}\nA=1", "B=[] A=[1]" },
    { "a reference to the environment", "A=${HOME}/x\nB='${HOME}'", "A=[/h/x] B=[/h]" },
    { "the file is before it", "HOME=/f\nA=${HOME}", "HOME=[/f] A=[/f]" },
    { "a default", "A=${NONE:-d e}\nB=${NONE:-}\nC=${HOME:-d}", "A=[d e] B=[] C=[/h]" },
    { "empty is set", "A=${EMPTY:-d}\nB=\nC=${B:-d}", "A=[] B=[] C=[]" },
    { "a name without value is set", "B\nC=${B:-d}", "B C=[]" },
    { "a default with a reference", "A=${NONE:-${HOME}}", "A=[${HOME}]" },
    { "no references", "A=$HOME ${HOME ${A:x} $ ${", "A=[$HOME ${HOME ${A:x} $ ${]" },
    { "an empty reference", "A=x${}y", "A=[xy]" },
    { "set twice", "A=1\nB=${A}\nA=2${A}\nC=${A}", "A=[21] B=[1] C=[21]" },
    { "set, then a name alone", "A=1\nA\nB=${A}", "A B=[]" },
};

static void must_read(const struct env_case *c)
{
    char got[1024];
    size_t len = strlen(c->text);
    char *own = malloc(len > 0 ? len : 1);             /* own block: overreads are caught */
    struct env_entry *entries = NULL;
    memcpy(own, c->text, len);
    int rc = env_parse((struct span){ own, len }, "/x/.env", environment, &entries, why);
    free(own);
    if (rc != (c->want ? 0 : -EBADMSG) || (rc == 0 && strcmp(listed(entries, got), c->want) != 0))
        fail_msg("%s: %d, %s", c->why, rc, rc < 0 ? why : got);
    env_free(entries);
}

UNIT_TEST(what_is_documented)
{
    for (size_t i = 0; i < ARRAY_LEN(documented); i++)
        must_read(&documented[i]);
}

UNIT_TEST(every_case_of_the_language)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        must_read(&cases[i]);
}

UNIT_TEST(a_mistake_has_its_line)
{
    static const struct { struct span text; const char *want; } rows[] = {
        { SPAN("A=1\n\n  bad line\n"), ".env:3: this is neither NAME=value nor a comment" },
        { SPAN("A=1\r\nB=2\r\n=x"), ".env:3: this is neither NAME=value nor a comment" },
        { SPAN("A='1\n2'\nB=\"x\n\n"), ".env:3: the quote (\") is never closed" },
        { SPAN("A='1\n2' x"), ".env:2: something stands behind the closing quote" },
        { SPAN("\n\nA=\xfe"), ".env:3: not UTF-8" },
        { SPAN("A=1\nB=\0"), ".env:2: a NUL byte" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct env_entry *entries = NULL;
        assert_int_equal(env_parse(rows[i].text, "/x/.env", environment, &entries, why), -EBADMSG);
        assert_string_equal(why, rows[i].want);
        assert_null(entries);
    }
}

UNIT_TEST(what_no_environment_can_hold_is_refused)
{
    struct env_entry *entries = NULL;
    struct buf text = { 0 };
    char line[2048];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    assert_int_equal(buf_addf(&text, "A=%s\n", line), 0);
    for (char name = 'B'; name <= 'I'; name++) /* each doubles the one above */
        assert_int_equal(buf_addf(&text, "%c=${%c}${%c}\n", name, name - 1, name - 1), 0);
    assert_int_equal(env_parse(buf_span(&text), ".env", environment, &entries, why), -EMSGSIZE);
    assert_string_equal(why, ".env:8: larger than an environment can be");
    buf_done(&text);
    for (int i = 0; i <= ENV_ENTRIES_MAX; i++)
        assert_int_equal(buf_addf(&text, "A%d=\n", i), 0);
    assert_int_equal(env_parse(buf_span(&text), ".env", environment, &entries, why), -EMSGSIZE);
    assert_non_null(strstr(why, ".env:4097:"));
    buf_done(&text);
}

UNIT_TEST(values_are_found_by_their_whole_name)
{
    static char *const envp[] = { "PATHS=x", "PATH=a=b", "PATH=second", "EMPTY=", NULL };
    assert_string_equal(env_value(envp, "PATH"), "a=b");
    assert_string_equal(env_value(envp, "EMPTY"), "");
    assert_null(env_value(envp, "PAT"));
    assert_null(env_value(envp, "OTHER"));
    assert_null(env_value(NULL, "PATH"));
}

UNIT_TEST(merging_adds_what_is_lacking)
{
    struct env_entry *entries = NULL;
    assert_int_equal(env_parse(SPAN("A=1\nHOME=/f\nEMPTY=x\nNONE\n'B=C'=2\nHOMES=3"), ".env",
                               environment, &entries, why),
                     0);
    char **merged = env_merge(environment, entries);
    assert_non_null(merged);
    assert_ptr_equal(merged[0], environment[0]);
    assert_string_equal(merged[1], "EMPTY=");
    assert_string_equal(merged[2], "A=1");
    assert_string_equal(merged[3], "HOMES=3");
    assert_null(merged[4]);
    sys_free(merged);
    merged = env_merge((char *const[]){ NULL }, NULL);
    assert_null(merged[0]);
    sys_free(merged);
    env_free(entries);
}

UNIT_TEST(files_are_read)
{
    struct temp_folder t;
    struct env_entry *entries = NULL;
    temp_make(&t);
    assert_int_equal(env_read(temp_path(&t, "none"), environment, &entries, why), -ENOENT);
    assert_non_null(strstr(why, "none: No such file"));
    assert_int_equal(env_read(t.path, environment, &entries, why), -EISDIR);
    assert_int_equal(mkfifo(temp_path(&t, "fifo"), 0600), 0);
    assert_int_equal(env_read(temp_path(&t, "fifo"), environment, &entries, why), -EINVAL);
    assert_non_null(strstr(why, "fifo: it is a pipe or socket"));
    assert_int_equal(env_read(temp_write(&t, ".env", "A=1\n"), environment, &entries, why), 0);
    assert_string_equal(entries->value, "1");
    env_free(entries);
    temp_done(&t);
}

UNIT_TEST(without_memory_nothing_is_left_behind)
{
    struct env_entry *entries = NULL;
    int rc = -1;
    for (unsigned n = 0; rc < 0; n++) {
        heap_left = n;
        rc = env_parse(SPAN("A='1\\''\nB=${A}x\nC\nA=2\n"), ".env", environment, &entries, why);
        char **merged = rc == 0 ? env_merge(environment, entries) : NULL;
        heap_left = UINT32_MAX;
        assert_true(rc == 0 || rc == -ENOMEM);
        if (rc == 0 && !merged) {
            env_free(entries);
            rc = -ENOMEM;
        }
        sys_free(merged);
    }
    env_free(entries);
}

UNIT_MAIN(what_is_documented, every_case_of_the_language, a_mistake_has_its_line,
          what_no_environment_can_hold_is_refused, values_are_found_by_their_whole_name,
          merging_adds_what_is_lacking, files_are_read, without_memory_nothing_is_left_behind)

#include "unit.h"
#include "base/sys.h"
#include "conf/settings_name.h"
#include "temp_folder.h"

#define ONE "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a')\n"
#define TWO "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'b')\n"

static const struct {
    const char *text, *want;
} rows[] = {
    /* want NULL: it names none */
    { ONE, "a" },
    { "os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"a\")", "a" },
    { "os.environ.setdefault(\n    \"DJANGO_SETTINGS_MODULE\",\n    \"a.b_1.c\",\n)\n",
      "a.b_1.c" },
    { "os.environ['DJANGO_SETTINGS_MODULE'] = 'a.b'", "a.b" },
    { "# os.environ['DJANGO_SETTINGS_MODULE'] = "
      "'a.b'\nenviron.setdefault('DJANGO_SETTINGS_MODULE','c')",
      "c" },
    { "if 'DJANGO_SETTINGS_MODULE' in os.environ: "
      "pass\nenviron.setdefault('DJANGO_SETTINGS_MODULE', 'c')",
      "c" },
    { "os.environ.setdefault('DJANGO_SETTINGS_MODULE', name)", NULL },
    { "os.environ.setdefault('DJANGO_SETTINGS_MODULE', f'{x}.settings')", NULL },
    { "os.environ.setdefault('DJANGO_SETTINGS_MODULE', '')", NULL },
    { "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a", NULL },
    { "DJANGO_SETTINGS_MODULE", NULL },
    { "", NULL },
    /* an expression is not a name */
    { "environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.' + name)", NULL },
    { "environ.setdefault('DJANGO_SETTINGS_MODULE', 'a' if x else 'b')", NULL },
    { "environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.%s' % name)", NULL },
    { "environ['DJANGO_SETTINGS_MODULE'] = 'a.' + name", NULL },
    { "environ['DJANGO_SETTINGS_MODULE'] = 'a'  # ours\n", "a" },
    { "environ['DJANGO_SETTINGS_MODULE'] = 'a'; main()\n", "a" },
    { "environ['DJANGO_SETTINGS_MODULE'] = getenv('DJANGO_SETTINGS_MODULE', 'a')\n", "a" },
    /* what stands in an if is for some runs only */
    { "if 'test' in sys.argv:\n    " ONE "else:\n    " TWO, "b" },
    { "if 'test' in sys.argv:\n    " ONE "\n" TWO, "b" },
    { "def main():\n    if x:\n        " ONE "    elif(y):\n        " ONE "    " TWO, "b" },
    { "if x:\n    # why\n    for y in z:\n        " ONE TWO, "b" },
    { "if x:\n    " ONE "elif y:\n    " TWO, "a" },
    { "if __name__ == '__main__':\n    " ONE TWO, "a" },
    { "if 'DJANGO_SETTINGS_MODULE' not in os.environ:\n    " ONE TWO, "a" },
    { "if x:\n    pass\n" ONE TWO, "a" },
    { "iffy = 1\nwith x:\n    " ONE TWO, "a" },
    { "if x:\r\n    os.environ['DJANGO_SETTINGS_MODULE'] = 'a'\r\nelse:\r\n    " TWO, "b" },
};

UNIT_TEST(it_is_read_as_text)
{
    char settings[SETTINGS_NAME_BYTES];
    struct temp_folder t;
    temp_make(&t);
    assert_int_equal(settings_name_read(temp_path(&t, "manage.py"), settings), -ENOENT);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *path = temp_write(&t, "manage.py", rows[i].text);
        int rc = settings_name_read(path, settings);
        if (rc != (rows[i].want ? 0 : -ENOENT) || (rc == 0 && strcmp(settings, rows[i].want) != 0))
            fail_msg("%s: %d %s", rows[i].text, rc, rc == 0 ? settings : "");
    }
    temp_done(&t);
}

UNIT_TEST(it_has_its_bounds)
{
    char settings[SETTINGS_NAME_BYTES], text[512];
    struct temp_folder t;
    temp_make(&t);
    for (int len = SETTINGS_NAME_BYTES - 1; len <= SETTINGS_NAME_BYTES; len++) {
        snprintf(text, sizeof text, "x.setdefault('DJANGO_SETTINGS_MODULE', '%0*d')", len, 0);
        int want = len < SETTINGS_NAME_BYTES ? 0 : -ENOENT;
        assert_int_equal(settings_name_read(temp_write(&t, "m.py", text), settings), want);
    }
    temp_write(&t, "big.py", "");
    assert_int_equal(truncate(temp_path(&t, "big.py"), 256 * 1024 + 1), 0);
    assert_int_equal(settings_name_read(temp_path(&t, "big.py"), settings), -EFBIG);
    assert_int_equal(settings_name_read(t.path, settings), -EISDIR);
    temp_done(&t);
}

UNIT_MAIN(it_is_read_as_text, it_has_its_bounds)

package user_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/user"
)

func TestPasswordMatchesItself_S31(t *testing.T) {
	for name, p := range map[string]string{
		"one character":       "x",
		"spaces kept":         "  two spaces  ",
		"only a space":        " ",
		"umlauts":             "Pässwörter größer",
		"another script":      "密码パスワード",
		"an emoji":            "🔑🗝",
		"combining":           "e\u0301",
		"a NUL":               "before\x00after",
		"line ends":           "a\r\nb\tc",
		"quotes and markup":   `<script>'"&%00`,
		"percent and plus":    "100%+1",
		"64 bytes":            strings.Repeat("a", 64),
		"72 bytes, as bcrypt": strings.Repeat("b", 72),
		"1024 bytes":          strings.Repeat("c", 1024),
	} {
		hash := user.Hash(p)
		if !user.Verify(hash, p) {
			t.Errorf("%s: does not match", name)
		}
	}
	hash := user.Hash("  Pässwort ")
	for name, other := range map[string]string{
		"trimmed": "Pässwort", "lower case": "  pässwort ", "cut": "  Pässwort", "longer": "  Pässwort  ", "composed otherwise": "  Pa\u0308sswort ", "empty": "",
	} {
		if user.Verify(hash, other) {
			t.Errorf("%s: matches too", name)
		}
	}
}

func TestPasswordThatIsNone_S31(t *testing.T) {
	for name, p := range map[string]string{"empty": "", "too long": strings.Repeat("a", 1025), "not UTF-8": "a\xff"} {
		if !errors.Is(user.CheckPassword(p), user.ErrPassword) {
			t.Errorf("%s: taken", name)
		}
	}
	long := strings.Repeat("a", 1024)
	if user.Verify(user.Hash(long), long+"b") {
		t.Error("what follows 1024 bytes does not count")
	}
}

func TestGuessablePasswordIsTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		password string
		want     bool
	}{
		"one byte":                      {"x", true},
		"seven characters":              {"abcdefg", true},
		"eight characters":              {"abcdefgh", false},
		"seven characters of two bytes": {"äöüßéèñ", true},
		"eight characters of two bytes": {"äöüßéèñç", false},
		"two characters of four bytes":  {"🔑🗝", true},
		"eight spaces":                  {"        ", false},
		"1024 bytes":                    {strings.Repeat("c", user.MaxPassword), false},
	} {
		if got := user.Guessable(tt.password); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
		if err := user.CheckPassword(tt.password); err != nil {
			t.Errorf("%s: is refused: %v", name, err)
		}
	}
}

func TestHashIsArgon2idAndSalted_S94(t *testing.T) {
	a, b := user.Hash("correct horse"), user.Hash("correct horse")
	if !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") || a == b || strings.Contains(a, "horse") {
		t.Errorf("%s, %s", a, b)
	}
}

func TestVerifyKnowsOtherCosts(t *testing.T) {
	// From the reference implementation's own tests.
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !user.Verify(hash, "password") || user.Verify(hash, "Password") {
		t.Error("a foreign hash is not read as it should be")
	}
}

func TestAbsentMatchesNothing_S29(t *testing.T) {
	if err := user.CheckHash(user.Absent()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"", "admin", "password", "latchkey: nobody", "there is no password for no user"} {
		if user.Verify(user.Absent(), p) {
			t.Errorf("%q is nobody's password", p)
		}
	}
	if !strings.HasPrefix(user.Absent(), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("nobody's hash has another cost than a user's")
	}
}

func TestDamagedHashMatchesNothing(t *testing.T) {
	good := user.Hash("password")
	parts := strings.Split(good, "$")
	with := func(i int, s string) string {
		p := append([]string(nil), parts...)
		p[i] = s
		return strings.Join(p, "$")
	}
	for name, hash := range map[string]string{
		"empty":                  "",
		"plain text":             "password",
		"bcrypt":                 "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":                with(1, "argon2i"),
		"argon2d":                with(1, "argon2d"),
		"version 16":             with(2, "v=16"),
		"no version":             with(2, ""),
		"no memory":              with(3, "m=0,t=2,p=1"),
		"a terabyte":             with(3, "m=1073741824,t=2,p=1"),
		"more memory than fits":  with(3, "m=99999999999,t=2,p=1"),
		"no pass":                with(3, "m=19456,t=0,p=1"),
		"a million passes":       with(3, "m=19456,t=1000000,p=1"),
		"no thread":              with(3, "m=19456,t=2,p=0"),
		"256 threads":            with(3, "m=19456,t=2,p=256"),
		"257 threads, 1 in byte": with(3, "m=19456,t=2,p=257"),
		"negative":               with(3, "m=19456,t=-2,p=1"),
		"leading zero":           with(3, "m=19456,t=02,p=1"),
		"plus sign":              with(3, "m=19456,t=+2,p=1"),
		"other order":            with(3, "t=2,m=19456,p=1"),
		"a fourth":               with(3, "m=19456,t=2,p=1,x=1"),
		"padded salt":            with(4, parts[4]+"=="),
		"no salt":                with(4, ""),
		"short salt":             with(4, "AAAA"),
		"long salt":              with(4, strings.Repeat("A", 88)),
		"no key":                 with(5, ""),
		"short key":              with(5, "AAAA"),
		"url alphabet":           with(5, strings.Repeat("-", 43)),
		"a line end":             good + "\n",
		"a part more":            good + "$x",
	} {
		if user.CheckHash(hash) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, hash := range []string{"", "password", good + "\n", with(2, "v=16"), with(3, "m=1073741824,t=2,p=1")} {
		if user.Verify(hash, "password") {
			t.Errorf("%q: matches", hash)
		}
	}
}

func TestVerifyWaitsNoLongerThanItsRequest(t *testing.T) {
	for range cap(user.Working) {
		user.Working <- struct{}{}
	}
	defer func() {
		for range cap(user.Working) {
			<-user.Working
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ok, err := user.VerifyContext(ctx, user.Absent(), "x"); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", ok, err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRWJTmaaJObG")
	f.Add(user.Absent())
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$$")
	f.Fuzz(func(t *testing.T, hash string) {
		if user.CheckHash(hash) == nil && len(hash) > 250 {
			t.Errorf("%q is a hash", hash)
		}
	})
}

package user

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// MaxPassword bounds a password, in bytes; the least is one.
const MaxPassword = 1024

// minCharacters is the least that NIST SP 800-63B wants of any password: in
// revision 3 §5.1.1.2 of all of them, in revision 4 §3.1.1.2 of those that have
// a second factor beside them, and 15 of the others.
const minCharacters = 8

// ErrPassword: the text cannot be a password.
var ErrPassword = errors.New("user: a password has 1 to 1024 bytes of UTF-8")

// The cost of a new hash: the first choice of OWASP's list for argon2id.
const (
	memory  = 19456 // KiB
	passes  = 2
	threads = 1
	saltLen = 16
	keyLen  = 32
)

// What a stored hash may ask for. It comes from an operator's file or table;
// the bounds keep a slip there from stopping a server.
const (
	maxMemory  = 256 * 1024 // KiB
	maxPasses  = 16
	maxThreads = 8
	maxBytes   = 64 // of salt and key each
	minBytes   = 8
)

// working bounds how many hashes are computed at once: each takes 19 MB and a
// core.
var working = make(chan struct{}, 2)

// absent belongs to nobody: its key is not the result of any password known.
var absent = encode(cost{memory, passes, threads}, []byte("latchkey: nobody"), []byte("there is no password for no user"))

// Absent is a hash that no password matches. Checking it costs as much as
// checking a user's, which is what an unknown name has to cost.
func Absent() string { return absent }

// CheckPassword reports ErrPassword for what Hash would not take.
func CheckPassword(password string) error {
	if password == "" || len(password) > MaxPassword || !utf8.ValidString(password) {
		return ErrPassword
	}
	return nil
}

// Guessable reports a password of fewer than 8 characters. A character is a
// code point, however many bytes it takes. It is for a warning: Hash takes
// such a password all the same.
func Guessable(password string) bool { return utf8.RuneCountInString(password) < minCharacters }

// Hash returns the argon2id hash of password in the PHC format, with a salt of
// its own. Nothing is trimmed or normalised.
func Hash(password string) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails: it ends the program instead
	c := cost{memory, passes, threads}
	working <- struct{}{}
	defer func() { <-working }()
	return encode(c, salt, c.key(password, salt, keyLen))
}

// Verify reports whether password belongs to hash. A hash that is not one
// matches nothing.
func Verify(hash, password string) bool {
	ok, err := VerifyContext(context.Background(), hash, password)
	return ok && err == nil
}

// VerifyContext is Verify for servers: when too many hashes are computed
// already it waits its turn, until ctx is done. The error is ctx's. A password
// that Hash would not take costs the same and matches nothing.
func VerifyContext(ctx context.Context, hash, password string) (bool, error) {
	c, salt, want, err := decode(hash)
	usable := err == nil && CheckPassword(password) == nil
	if err != nil {
		c, salt, want, _ = decode(absent)
	}
	if len(password) > MaxPassword {
		password = password[:MaxPassword]
	}
	select {
	case working <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-working }()
	got := c.key(password, salt, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && usable, nil
}

// CheckHash reports what is wrong with a stored hash, in words for an operator.
func CheckHash(hash string) error {
	_, _, _, err := decode(hash)
	return err
}

type cost struct{ memory, passes, threads uint32 }

func (c cost) key(password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, uint8(c.threads), n)
}

var b64 = base64.RawStdEncoding.Strict()

func encode(c cost, salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// decode reads a PHC string. One hash has one spelling: what encode would not
// write again is refused.
func decode(hash string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return c, nil, nil, errors.New("user: not a $argon2id$ hash")
	}
	fields := strings.Split(parts[3], ",")
	if len(fields) != 3 {
		return c, nil, nil, errors.New("user: want m=…,t=…,p=… in the hash")
	}
	for i, f := range []struct {
		name  string
		max   uint64
		value *uint32
	}{{"m=", maxMemory, &c.memory}, {"t=", maxPasses, &c.passes}, {"p=", maxThreads, &c.threads}} {
		digits, named := strings.CutPrefix(fields[i], f.name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !named || err != nil || n < 1 || n > f.max {
			return cost{}, nil, nil, fmt.Errorf("user: %s in the hash has to be 1 to %d", f.name, f.max)
		}
		*f.value = uint32(n)
	}
	salt, err = b64.DecodeString(parts[4])
	if err != nil || len(salt) < minBytes || len(salt) > maxBytes {
		return cost{}, nil, nil, errors.New("user: the salt in the hash is damaged")
	}
	key, err = b64.DecodeString(parts[5])
	if err != nil || len(key) < 2*minBytes || len(key) > maxBytes {
		return cost{}, nil, nil, errors.New("user: the key in the hash is damaged")
	}
	if c.memory < 8*c.threads || encode(c, salt, key) != hash {
		return cost{}, nil, nil, errors.New("user: the hash is not spelled as it should be")
	}
	return c, salt, key, nil
}

package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestTextIsNeverPrinted(t *testing.T) {
	const canary = "canary-client-secret"
	text := secret.NewText(canary)
	j, err := json.Marshal(map[string]any{"a": text, "b": &text, "c": struct{ T secret.Text }{text}})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", text, "in", struct{ T secret.Text }{text})
	for how, out := range map[string]string{
		"%v": fmt.Sprintf("%v", text), "%+v": fmt.Sprintf("%+v", struct{ T secret.Text }{text}), "%#v": fmt.Sprintf("%#v", text),
		"%s": fmt.Sprintf("%s", text), "%q": fmt.Sprintf("%q", text), "%x": fmt.Sprintf("%x", text), "%d": fmt.Sprintf("%d", text),
		"pointer": fmt.Sprintf("%v %+v", &text, &text), "json": string(j), "slog": log.String(), "error": fmt.Errorf("x: %v", text).Error(),
	} {
		if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) || !strings.Contains(out, "REDACTED") {
			t.Errorf("%s printed %s", how, out)
		}
	}
	if text.Reveal() != canary {
		t.Error("Reveal does not reveal")
	}
}

func TestMint(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		s := secret.Mint(256)
		if len(s) != 43 || !secret.Minted(s, 256) || seen[s] {
			t.Fatalf("bad or repeated: %q", s)
		}
		seen[s] = true
	}
	if n := len(secret.Mint(128)); n != 22 {
		t.Errorf("128 bits make %d characters, want 22", n)
	}
}

func TestMintedAcceptsOneSpelling(t *testing.T) {
	good := strings.Repeat("A", 22)
	for name, s := range map[string]string{
		"empty": "", "short": good[1:], "long": good + "A", "padding": good[2:] + "==", "other alphabet": good[1:] + "+",
		"trailing bits": good[1:] + "B", "newline": good[1:] + "\n", "control": good[1:] + "\x00",
	} {
		if secret.Minted(s, 128) {
			t.Errorf("%s: %q accepted", name, s)
		}
	}
	if !secret.Minted(good, 128) {
		t.Error("the canonical spelling is refused")
	}
}

var input = bytes.Repeat([]byte{1}, 32)

func TestSeal(t *testing.T) {
	k := secret.Derive(input, "purpose")
	sealed := k.Seal([]byte("plain"), "name")
	if plain, err := k.Open(sealed, "name"); err != nil || string(plain) != "plain" {
		t.Fatalf("%q, %v", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"other name": func() ([]byte, error) { return k.Open(sealed, "name2") },
		"other input": func() ([]byte, error) {
			return secret.Derive(bytes.Repeat([]byte{2}, 32), "purpose").Open(sealed, "name")
		},
		"other purpose": func() ([]byte, error) { return secret.Derive(input, "purpose2").Open(sealed, "name") },
		"truncated":     func() ([]byte, error) { return k.Open(sealed[:len(sealed)-1], "name") },
		"extended":      func() ([]byte, error) { return k.Open(append([]byte{}, append(sealed, 0)...), "name") },
		"empty":         func() ([]byte, error) { return k.Open(nil, "name") },
		"flipped": func() ([]byte, error) {
			bad := append([]byte{}, sealed...)
			bad[len(bad)/2] ^= 1
			return k.Open(bad, "name")
		},
	} {
		if plain, err := open(); !errors.Is(err, secret.ErrSealed) || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	if string(k.Seal([]byte("plain"), "name")) == string(sealed) {
		t.Error("two seals of the same are the same bytes")
	}
}

func FuzzOpen(f *testing.F) {
	k := secret.Derive(input, "purpose")
	f.Add(k.Seal([]byte("plain"), "name"), "name")
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, sealed []byte, name string) {
		if plain, err := k.Open(sealed, name); err == nil && (name != "name" || string(plain) != "plain") {
			t.Errorf("opened %q under %q", sealed, name)
		}
	})
}

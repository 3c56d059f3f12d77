package grant_test

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func fresh() (grant.Record, grant.Redemption) {
	r := grant.Record{
		Client: "c", Redirect: "r", Challenge: "s", Status: grant.Issued,
		CodeExpiresAt: now.Add(time.Minute), IdleAt: now.Add(time.Hour), MaxAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour),
	}
	return r, grant.Redemption{Client: "c", Redirect: "r", Challenge: "s", Nonce: "n", Now: now, IdleAt: now.Add(15 * time.Minute)}
}

func TestRedemption_S57_S63(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *grant.Record, d *grant.Redemption)
		won    bool
		want   error
	}{
		"fresh":                         {func(*grant.Record, *grant.Redemption) {}, false, nil},
		"the last second":               {func(_ *grant.Record, d *grant.Redemption) { d.Now = now.Add(59 * time.Second) }, false, nil},
		"to the second":                 {func(_ *grant.Record, d *grant.Redemption) { d.Now = now.Add(time.Minute) }, false, grant.ErrExpired},
		"another client":                {func(_ *grant.Record, d *grant.Redemption) { d.Client = "x" }, false, grant.ErrClient},
		"no client":                     {func(_ *grant.Record, d *grant.Redemption) { d.Client = "" }, false, grant.ErrClient},
		"another redirect URI":          {func(_ *grant.Record, d *grant.Redemption) { d.Redirect = "x" }, false, grant.ErrRedirect},
		"no redirect URI":               {func(_ *grant.Record, d *grant.Redemption) { d.Redirect = "" }, false, grant.ErrRedirect},
		"wrong verifier":                {func(_ *grant.Record, d *grant.Redemption) { d.Challenge = "x" }, false, grant.ErrVerifier},
		"no verifier":                   {func(_ *grant.Record, d *grant.Redemption) { d.Challenge = "" }, false, grant.ErrVerifier},
		"verifier without a challenge":  {func(r *grant.Record, _ *grant.Redemption) { r.Challenge = "" }, false, grant.ErrVerifier},
		"neither":                       {func(r *grant.Record, d *grant.Redemption) { r.Challenge, d.Challenge = "", "" }, false, nil},
		"revoked":                       {func(r *grant.Record, _ *grant.Redemption) { r.Status = grant.Revoked }, false, grant.ErrRevoked},
		"revoked, own claim":            {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); r.Status = grant.Revoked }, false, grant.ErrRevoked},
		"own lost reply":                {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r) }, true, nil},
		"own lost reply, expired since": {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); d.Now = now.Add(time.Hour) }, true, nil},
		"replay":                        {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); d.Nonce = "m" }, false, grant.ErrReplayed},
		"replay, expired":               {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); d.Nonce, d.Now = "m", now.Add(time.Hour) }, false, grant.ErrReplayed},
		"replay after a rotation": {func(r *grant.Record, d *grant.Redemption) {
			*r = grant.Rotation{Seq: 1, Nonce: "n", Now: now, IdleAt: now}.Apply(d.Apply(*r))
		}, false, grant.ErrReplayed},
		"replay by another client":   {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); d.Client = "x" }, false, grant.ErrClient},
		"replay with a bad verifier": {func(r *grant.Record, d *grant.Redemption) { *r = d.Apply(*r); d.Challenge = "x" }, false, grant.ErrVerifier},
		"no nonce anywhere":          {func(r *grant.Record, d *grant.Redemption) { d.Nonce = ""; *r = d.Apply(*r) }, false, grant.ErrReplayed},
		"no status":                  {func(r *grant.Record, _ *grant.Redemption) { r.Status = "" }, false, grant.ErrUnknown},
		"a number too early":         {func(r *grant.Record, _ *grant.Redemption) { r.Seq = 1 }, false, grant.ErrUnknown},
	} {
		r, d := fresh()
		tt.change(&r, &d)
		won, err := d.Verdict(r)
		if won != tt.won || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v", name, won, err)
		}
	}
	r, d := fresh()
	d.IdleAt = now.Add(2 * time.Hour)
	if got := d.Apply(r); !got.IdleAt.Equal(r.MaxAt) || got.Seq != 1 || got.Status != grant.Active || !got.RotatedAt.Equal(now) {
		t.Errorf("%+v", got)
	}
}

func TestRotation_S67_S68_S69_S73(t *testing.T) {
	// The record has number 3, rotated at now by "n".
	three := func() (grant.Record, grant.Rotation) {
		r, d := fresh()
		r = d.Apply(r)
		for seq := range uint32(2) {
			r = grant.Rotation{Seq: seq + 1, Nonce: "n", Now: now, IdleAt: now.Add(15 * time.Minute)}.Apply(r)
		}
		return r, grant.Rotation{Client: "c", Seq: 3, Nonce: "m", Now: now, IdleAt: now.Add(15 * time.Minute), Grace: time.Minute}
	}
	for name, tt := range map[string]struct {
		change func(r *grant.Record, o *grant.Rotation)
		won    bool
		want   error
	}{
		"newest":                       {func(*grant.Record, *grant.Rotation) {}, false, nil},
		"another client":               {func(_ *grant.Record, o *grant.Rotation) { o.Client = "x" }, false, grant.ErrClient},
		"another client, reused":       {func(_ *grant.Record, o *grant.Rotation) { o.Client, o.Seq = "x", 1 }, false, grant.ErrClient},
		"last idle second":             {func(_ *grant.Record, o *grant.Rotation) { o.Now = now.Add(15*time.Minute - time.Second) }, false, nil},
		"idle":                         {func(_ *grant.Record, o *grant.Rotation) { o.Now = now.Add(15 * time.Minute) }, false, grant.ErrExpired},
		"absolute end":                 {func(r *grant.Record, o *grant.Rotation) { r.IdleAt, o.Now = now.Add(2*time.Hour), now.Add(time.Hour) }, false, grant.ErrExpired},
		"predecessor":                  {func(_ *grant.Record, o *grant.Rotation) { o.Seq = 2 }, true, nil},
		"predecessor, last second":     {func(_ *grant.Record, o *grant.Rotation) { o.Seq, o.Now = 2, now.Add(59*time.Second) }, true, nil},
		"predecessor, late":            {func(_ *grant.Record, o *grant.Rotation) { o.Seq, o.Now = 2, now.Add(time.Minute) }, false, grant.ErrReused},
		"predecessor, no grace":        {func(_ *grant.Record, o *grant.Rotation) { o.Seq, o.Grace = 2, 0 }, false, grant.ErrReused},
		"own lost reply, no grace":     {func(_ *grant.Record, o *grant.Rotation) { o.Seq, o.Grace, o.Nonce = 2, 0, "n" }, true, nil},
		"own lost reply, revoked":      {func(r *grant.Record, o *grant.Rotation) { o.Seq, o.Nonce, r.Status = 2, "n", grant.Revoked }, false, grant.ErrRevoked},
		"predecessor, revoked":         {func(r *grant.Record, o *grant.Rotation) { o.Seq, r.Status = 2, grant.Revoked }, false, grant.ErrRevoked},
		"predecessor after everything": {func(_ *grant.Record, o *grant.Rotation) { o.Seq, o.Now = 2, now.Add(time.Hour) }, false, grant.ErrExpired},
		"two back":                     {func(_ *grant.Record, o *grant.Rotation) { o.Seq = 1 }, false, grant.ErrReused},
		"ahead":                        {func(_ *grant.Record, o *grant.Rotation) { o.Seq = 4 }, false, grant.ErrUnknown},
		"number zero":                  {func(_ *grant.Record, o *grant.Rotation) { o.Seq = 0 }, false, grant.ErrUnknown},
		"code not redeemed":            {func(r *grant.Record, _ *grant.Rotation) { r.Status = grant.Issued }, false, grant.ErrUnknown},
		"no nonce anywhere, late":      {func(r *grant.Record, o *grant.Rotation) { o.Seq, o.Grace, r.Claim, o.Nonce = 2, 0, "", "" }, false, grant.ErrReused},
	} {
		r, o := three()
		tt.change(&r, &o)
		won, err := o.Verdict(r)
		if won != tt.won || !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v", name, won, err)
		}
	}
	r, o := three()
	o.Now, o.IdleAt = now.Add(50*time.Minute), now.Add(65*time.Minute)
	if got := o.Apply(r); got.Seq != 4 || !got.IdleAt.Equal(r.MaxAt) || !got.MaxAt.Equal(r.MaxAt) || !got.RotatedAt.Equal(o.Now) || got.Claim != "m" {
		t.Errorf("%+v", got)
	}
}

func TestLive_S82(t *testing.T) {
	r, d := fresh()
	active := d.Apply(r)
	for name, tt := range map[string]struct {
		r    grant.Record
		n    uint32
		at   time.Time
		want error
	}{
		"newest": {active, 1, now, nil}, "ahead": {active, 2, now, grant.ErrUnknown}, "zero": {active, 0, now, grant.ErrUnknown}, "not redeemed": {r, 1, now, grant.ErrUnknown},
		"last second": {active, 1, now.Add(time.Hour - time.Second), nil}, "over": {active, 1, now.Add(time.Hour), grant.ErrExpired},
		"empty": {grant.Record{}, 1, now, grant.ErrUnknown},
	} {
		if err := tt.r.Live(tt.n, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	active.Status = grant.Revoked
	if err := active.Live(1, now); !errors.Is(err, grant.ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
}

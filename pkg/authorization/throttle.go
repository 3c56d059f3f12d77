package authorization

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// takeTries counts a try at name before anybody looks at the password, and
// returns the buckets that counted it. A browser that has signed in as this
// user before has a bucket of its own and no other, so that strangers' guesses
// can never keep the owner out. Everybody else is counted by network address
// and by account. A try that is not looked at counts nowhere.
func (e *Endpoint) takeTries(r *http.Request, name string) (taken []string, wait time.Duration, err error) {
	type bucket struct {
		key   string
		limit int
	}
	buckets := []bucket{
		{user.Bucket("source", source(r.RemoteAddr)), user.SourceLimit},
		{user.Bucket("account", name), user.AccountLimit},
	}
	if k := e.known(r); slices.Contains(k.Users, tag(name)) {
		buckets = []bucket{{user.Bucket("known", k.ID+" "+name), user.KnownLimit}}
	}
	ctx := r.Context()
	for _, b := range buckets {
		wait, err := e.Flows.TakeTry(ctx, b.key, b.limit, e.Now())
		if wait > 0 || err != nil {
			e.returnTries(ctx, taken)
			return nil, min(wait, user.Pause), err
		}
		taken = append(taken, b.key)
	}
	return taken, 0, nil
}

// source is whom a network address belongs to: an IPv4 address, or the /64 of
// an IPv6 address, of which one customer has all.
func source(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "?"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

const (
	knownPurpose = "latchkey known v1"
	// maxKnown bounds the cookie: the users who signed in last.
	maxKnown = 4
)

// known is the content of the known cookie: an id for its buckets, and tags of
// the users who have signed in with this browser. It is sealed, so that nobody
// can add a user; a copy of it on another machine shares its buckets.
type known struct {
	ID    string   `json:"i"`
	Users []string `json:"u"`
	Until int64    `json:"t"`
}

func tag(name string) string { return secret.Hash("known " + name)[:22] }

// known reads the cookie; whatever is wrong with it, it is as good as none.
func (e *Endpoint) known(r *http.Request) (k known) {
	text := cookie(r, knownCookie)
	if text == "" {
		return known{}
	}
	ring, err := e.Keys.Ring(r.Context(), secret.KeyID(text))
	if err != nil {
		return known{}
	}
	plain, err := ring.OpenText(knownPurpose, text, knownCookie)
	if err != nil || json.Unmarshal(plain, &k) != nil || e.Now().Unix() >= k.Until {
		return known{}
	}
	return k
}

// remember puts name first among the users of the known cookie.
func (e *Endpoint) remember(w http.ResponseWriter, r *http.Request, name string) {
	k := e.known(r)
	if k.ID == "" {
		k.ID = secret.Mint(128)
	}
	mine := tag(name)
	k.Users = append([]string{mine}, slices.DeleteFunc(k.Users, func(t string) bool { return t == mine })...)
	k.Users = k.Users[:min(len(k.Users), maxKnown)]
	k.Until = e.Now().Add(knownAge).Unix()
	ring, err := e.Keys.Ring(r.Context(), "")
	if err != nil {
		shrug(r.Context(), err)
		return
	}
	plain, err := json.Marshal(&k)
	if err != nil {
		shrug(r.Context(), err)
		return
	}
	setCookie(w, r, knownCookie, ring.SealText(knownPurpose, plain, knownCookie), knownAge)
}

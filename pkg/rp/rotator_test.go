package rp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// rotator makes of an upstream a provider that gives a new refresh token with
// each use and takes the use of an old one for theft.
type rotator struct {
	up *upstream

	mu        sync.Mutex
	n         int // tokens given so far
	current   string
	refreshes int
	reuses    int
	revoked   []string
	life      int                                                  // expires_in
	instead   func(w http.ResponseWriter, r *http.Request) bool    // answers a refresh; false: as usual
	held      chan struct{}                                        // a refresh waits for this to be closed, after it has counted
	arrived   chan struct{}                                        // told of each refresh that came
	extra     func(answer map[string]any, grantType string, n int) // changes an answer
}

func rotating(up *upstream, life int) *rotator {
	p := &rotator{up: up, life: life, arrived: make(chan struct{}, 1000)}
	up.mu.Lock()
	defer up.mu.Unlock()
	up.answer = p.token
	up.revoke = func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.revoked = append(p.revoked, r.PostForm.Get("token"))
	}
	return p
}

func (p *rotator) set(change func(*rotator)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *rotator) token(w http.ResponseWriter, r *http.Request) {
	p.up.mu.Lock()
	form := p.up.forms[len(p.up.forms)-1]
	p.up.mu.Unlock()
	if form.Get("grant_type") == "refresh_token" {
		p.mu.Lock()
		p.refreshes++
		held, instead := p.held, p.instead
		p.mu.Unlock()
		p.arrived <- struct{}{}
		if held != nil {
			<-held
		}
		if instead != nil && instead(w, r) {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") != p.current {
		p.reuses++
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	p.n++
	p.current = fmt.Sprintf("canary-refresh-%d", p.n)
	answer := map[string]any{
		"access_token": fmt.Sprintf("canary-access-%d", p.n), "refresh_token": p.current, "token_type": "Bearer", "scope": "read write",
	}
	if p.life > 0 {
		answer["expires_in"] = p.life
	}
	if p.extra != nil {
		p.extra(answer, form.Get("grant_type"), p.n)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

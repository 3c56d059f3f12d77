package client

// Cached is how many ids are remembered.
func (r *Registry) Cached() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.cache)
}

package session

// Payload and OpenPayload are what Seal encrypts, and how Open reads it.
func Payload(l Login) []byte { return l.encode() }

func OpenPayload(b string) (Login, bool) {
	var l Login
	ok := l.decode(b)
	return l, ok
}

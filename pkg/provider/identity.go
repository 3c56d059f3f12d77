package provider

// Identity is who signed in, from a verified ID token (OpenID Connect Core
// §2, §5.1). A subject means something together with its issuer only.
type Identity struct {
	Issuer  string
	Subject string // never empty; unique within the issuer
	Name    string
	Email   string
	// Raw is the whole claim set as JSON.
	Raw []byte
}

package doctor

// places are where each provider wants redirect URIs. The providers move
// their pages now and then.
var places = map[string]string{
	"google":    "Google Cloud console: APIs & Services, Credentials, your OAuth client ID, Authorized redirect URIs",
	"github":    "GitHub: Settings, Developer settings, OAuth Apps, your application, Authorization callback URL",
	"gitlab":    "GitLab: Preferences, Applications, your application, Redirect URI",
	"microsoft": "Microsoft Entra admin center: App registrations, your application, Authentication, platform Web, Redirect URIs",
	"auth0":     "Auth0 dashboard: Applications, your application, Settings, Allowed Callback URLs",
	"okta":      "Okta admin console: Applications, your application, General, Sign-in redirect URIs",
	"cognito":   "Amazon Cognito console: your user pool, App clients, your client, Login pages, Allowed callback URLs",
	"keycloak":  "Keycloak admin console: your realm, Clients, your client, Settings, Valid redirect URIs",
	"django":    "Django admin: Django OAuth Toolkit, Applications, your application, Redirect uris",
	"cashmere":  "Cashmere: the page of your OAuth application, Redirect URIs",
}

// builtin is the name of the provider that is the stack's own server.
const builtin = "builtin"

// where introduces the redirect URI.
func where(name string) string {
	if name == builtin {
		return "The built-in server knows this redirect URI; another provider wants it registered:"
	}
	if place, ok := places[name]; ok {
		return "Register this redirect URI with the provider, exactly (" + place + "):"
	}
	return "Register this redirect URI with the provider, exactly:"
}

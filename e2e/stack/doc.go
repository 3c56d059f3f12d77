// Package stack runs the deployed stack on this machine: the compiled
// bootstraps, each process behind a stand-in for the Lambda Runtime API, with
// routes and environment taken from template.yaml, and in front of them a
// stand-in for API Gateway that is an [http.RoundTripper] and asks the Lambda
// authorizers that the template declares. A test uses it as a browser would:
//
//	s := stack.Start(t, stack.Config{Parameters: map[string]string{"ClientId": "x", "Provider": "google"}})
//	client := &http.Client{Jar: jar, Transport: s}
//	reply, err := client.Get(s.URL() + "/login")
//
// A process gets what the template declares for its function, what Lambda
// itself sets, and nothing of the test's own environment. So a setting that is
// missing from the template is missing here too.
//
// Never import it outside of tests, and never judge permissions by it: IAM is
// not imitated. The template test asserts the policies.
package stack

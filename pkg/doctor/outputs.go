package doctor

import (
	"slices"
	"strings"
)

// Outputs are those of the template, each with the condition under which the
// stack has it; empty is always.
var Outputs = map[string]string{
	"BaseUrl": "", "LoginUrl": "", "CallbackUrl": "", "ApiId": "", "AuthorizerArn": "", "TableName": "", "DeploymentSecretArn": "",
	"Issuer": "BuiltIn", "AccountsTableName": "BuiltIn", "AddUser": "BuiltIn", "DomainTarget": "CustomDomain", "AlarmTopicArn": "Alarms",
}

// BuiltIn is the condition for the built-in server.
const BuiltIn = "BuiltIn"

// Holds reports whether a condition of the template holds for the stack's
// parameters.
func (s *Stack) Holds(condition string) bool {
	switch condition {
	case BuiltIn:
		return s.Parameters["BuiltInServer"] != "false" // the default is true
	case "CustomDomain":
		return s.Parameters["CertificateArn"] != "" || s.Parameters["DomainName"] != ""
	case "Alarms":
		return s.Parameters["Alarms"] == "true"
	}
	return true
}

// outputs compares the outputs with the parameters that decide about them.
func (s *Stack) outputs(base string) []Finding {
	var findings []Finding
	wrong := func(what, why, do string) {
		findings = append(findings, Finding{stackID, Problem, what, why, do})
	}
	var missing []string
	for output, condition := range Outputs {
		if s.Outputs[output] == "" && s.Holds(condition) {
			missing = append(missing, output)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		wrong("the stack has no output "+strings.Join(missing, ", "), "what it names was not examined, and commands with --stack do not find it",
			"deploy the current template; if that does not help, look at the events of the stack in CloudFormation")
	}
	for _, output := range []struct{ name, want string }{{outputBase, base}, {outputLogin, base + "/login"}, {outputIssuer, base}} {
		if got := s.Outputs[output.name]; got != "" && got != output.want {
			wrong("the outputs "+output.name+" and "+outputCallback+" name different hosts",
				"cookies and the issuer are bound to one host", "deploy the current template, and set the domain in one place")
		}
	}
	if domain := s.Parameters["DomainName"]; domain != "" && base != "https://"+domain {
		wrong("the output "+outputCallback+" does not have the host of the parameter DomainName", "cookies and the issuer are bound to one host", "deploy again, with the current template")
	}
	if flows := s.Outputs["TableName"]; flows != "" && flows == s.Outputs["AccountsTableName"] {
		wrong("the outputs TableName and AccountsTableName name the same table", "users and clients would expire, or logins would not", "deploy the current template, which has two")
	}
	return findings
}

// state judges what CloudFormation says about the last deployment. further is
// false where there is nothing yet, or nothing any more, to examine.
func (s *Stack) state() (f Finding, further bool) {
	f = Finding{stackID, Problem, "the stack " + s.Name + " is in the state " + s.Status, "", ""}
	switch status := s.Status; {
	case status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" || status == "IMPORT_COMPLETE":
		return Finding{ID: stackID, Level: OK, What: f.What}, true
	case status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
		f.Level, f.Why, f.Do = Warning, "the update is done; what it replaced is being removed", "nothing but wait"
		return f, true
	case status == "UPDATE_ROLLBACK_COMPLETE" || status == "IMPORT_ROLLBACK_COMPLETE":
		f.Level, f.Why, f.Do = Warning, "the last deployment failed; the one before it is examined", "look at the events of the stack for the first failure, mend it, and deploy again"
		return f, true
	case strings.HasPrefix(status, "DELETE_"):
		f.Why, f.Do = "it is being deleted, or was, and what is left of it is no deployment", "if you mean to keep it, wait for the end, and deploy again under the same name or another"
		return f, false
	case status == "ROLLBACK_COMPLETE" || status == "ROLLBACK_FAILED" || status == "CREATE_FAILED" || status == "ROLLBACK_IN_PROGRESS":
		f.Why, f.Do = "it could not be created, and nothing of it is there", "look at the events of the stack for the first failure, delete the stack, and deploy again"
		return f, false
	case strings.HasSuffix(status, "_FAILED"):
		f.Why, f.Do = "part of it is new and part old, and no update is possible", "look at the events of the stack; continue the rollback in CloudFormation, then deploy again"
		return f, true
	case status == "CREATE_IN_PROGRESS" || status == "REVIEW_IN_PROGRESS" || status == "IMPORT_IN_PROGRESS":
		f.Level, f.Why, f.Do = Unchecked, "it is not there yet", "wait until it is created, and ask again; a stack in review waits for its change set to be executed"
		return f, false
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		f.Level, f.Why, f.Do = Unchecked, "what is examined now may be replaced in a moment", "wait for the end of the update, and ask again"
		return f, true
	}
	f.Level, f.Why, f.Do = Unchecked, "whether it was deployed as a whole is not known", "look at the stack in CloudFormation"
	return f, true
}

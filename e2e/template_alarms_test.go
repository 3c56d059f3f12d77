package e2e_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

const alarmTopicARN = "arn:aws:sns:eu-central-1:123456789012:AlarmTopic"

// wantThresholds are the alarms, and from how many in five minutes each is one.
var wantThresholds = map[string]int{
	"Errors5xx": 5, "FunctionThrottles": 1, "TableThrottles": 10, "ReplayDetected": 5,
	"RefreshFamilyRevoked": 1, "ConfigErrors": 1, "ProviderDown": 5, "StoreDown": 5,
}

// wantCounted are the outcomes in the log that an alarm counts, with what each
// line counts.
var wantCounted = map[string]map[string]string{
	"ReplayDetected":       {"state_used": "1", "code_replayed": "5"},
	"RefreshFamilyRevoked": {"refresh_reused": "1"},
	"ConfigErrors":         {"config_error": "1", "server_error": "1"},
	"ProviderDown":         {"provider_unavailable": "1", "provider_error": "1"},
	"StoreDown":            {"store_unavailable": "1", "temporarily_unavailable": "1"},
}

var outcomePattern = regexp.MustCompile(`\$\.outcome = "([a-z_]+)"`)

// staleSecret is a request that went well with a secret that could not be read
// again. It rings too: after an hour of that none goes well.
const staleSecret = "a secret was not read again"

// checkAlarms looks at the alarms (P-17): all of them tell the topic, and none
// is raised because nothing happened.
func checkAlarms(r *report, doc stack.Document, functions []stack.Function, parameters map[string]string) {
	var alarms, topics, subscriptions []string
	if parameters["Alarms"] == "true" {
		alarms, topics = slices.Sorted(maps.Keys(wantThresholds)), []string{"AlarmTopic"}
	}
	if parameters["AlarmEmail"] != "" {
		subscriptions = []string{"AlarmSubscription"}
	}
	r.want("alarms", doc.OfType("AWS::CloudWatch::Alarm"), alarms)
	r.want("topics", doc.OfType("AWS::SNS::Topic"), topics)
	r.want("subscriptions", doc.OfType("AWS::SNS::Subscription"), subscriptions)
	for _, id := range subscriptions {
		r.want("subscription", doc.Get("Resources", id, "Properties"), any(map[string]any{
			"TopicArn": alarmTopicARN, "Protocol": "email", "Endpoint": parameters["AlarmEmail"]}))
	}
	for _, id := range alarms {
		get := func(name string) any { return doc.Get("Resources", id, "Properties", name) }
		r.want(id+": actions", get("AlarmActions"), any([]any{alarmTopicARN}))
		r.want(id+": missing data", get("TreatMissingData"), any("notBreaching"))
		r.want(id+": threshold", fmt.Sprint(get("ComparisonOperator"), get("Threshold"), get("EvaluationPeriods")),
			fmt.Sprint("GreaterThanOrEqualToThreshold", wantThresholds[id], 1))
		if text, _ := get("AlarmDescription").(string); text == "" {
			r.addf("%s: no description", id)
		}
		r.want(id+": metrics", metricsOf(doc, id), wantMetrics(id, functions, parameters))
	}
	counted := map[string]map[string]string{}
	for _, id := range doc.OfType("AWS::Logs::MetricFilter") {
		countsInto(r, doc, id, counted)
	}
	if alarms == nil {
		r.want("metric filters", counted, map[string]map[string]string{})
		return
	}
	r.want("what the alarms count", counted, wantCounted)
}

// metricsOf lists what an alarm adds up, each as "namespace metric [dimensions]
// statistic seconds".
func metricsOf(doc stack.Document, id string) []string {
	properties := stack.Document(doc.Get("Resources", id, "Properties").(map[string]any))
	line := func(metric stack.Document, dimensions, statistic, period any) string {
		list, _ := dimensions.([]any)
		var of []string
		for _, d := range list {
			of = append(of, fmt.Sprint(d.(map[string]any)["Name"], "=", d.(map[string]any)["Value"]))
		}
		return fmt.Sprint(metric["Namespace"], " ", metric["MetricName"], " ", of, " ", statistic, " ", period)
	}
	list, _ := properties["Metrics"].([]any)
	if list == nil {
		return []string{line(properties, properties["Dimensions"], properties["Statistic"], properties["Period"])}
	}
	var lines []string
	for _, m := range list {
		metric := stack.Document(m.(map[string]any))
		if metric["Expression"] != nil {
			if shown := metric["ReturnData"]; shown != nil && shown != true {
				lines = append(lines, "a sum that the alarm does not look at")
			}
			lines = append(lines, fmt.Sprint(metric["Expression"]))
			continue
		}
		stat, _ := metric.Get("MetricStat", "Metric").(map[string]any)
		hidden := fmt.Sprint(metric["ReturnData"])
		lines = append(lines, line(stat, stat["Dimensions"], metric.Get("MetricStat", "Stat"), metric.Get("MetricStat", "Period"))+strings.TrimPrefix(hidden, "false"))
	}
	slices.Sort(lines)
	return lines
}

func wantMetrics(id string, functions []stack.Function, parameters map[string]string) []string {
	var lines []string
	switch id {
	case "Errors5xx":
		return []string{"AWS/ApiGateway 5xx [ApiId=a1b2c3d4e5] Sum 300"}
	case "FunctionThrottles":
		for _, f := range functions {
			if f.ID != "Whoami" { // an example
				lines = append(lines, "AWS/Lambda Throttles [FunctionName="+f.ID+"] Sum 300")
			}
		}
	case "TableThrottles":
		for _, of := range []string{"TableName=Flows", "TableName=Flows GlobalSecondaryIndexName=by_user"} {
			lines = append(lines, "AWS/DynamoDB ReadThrottleEvents ["+of+"] Sum 300", "AWS/DynamoDB WriteThrottleEvents ["+of+"] Sum 300")
		}
		if builtIn(parameters) {
			lines = append(lines, "AWS/DynamoDB ReadThrottleEvents [TableName=Accounts] Sum 300")
		}
	default:
		return []string{"Latchkey/latchkey " + id + " [] Sum 300"}
	}
	lines = append(lines, "SUM(METRICS())")
	slices.Sort(lines)
	return lines
}

// countsInto notes what a metric filter counts: by metric, the outcomes and
// the value of each.
func countsInto(r *report, doc stack.Document, id string, counted map[string]map[string]string) {
	get := func(name string) any { return doc.Get("Resources", id, "Properties", name) }
	r.want(id+": log group", get("LogGroupName"), any(functionLogs))
	list, _ := get("MetricTransformations").([]any)
	if len(list) != 1 {
		r.addf("%s: %d metrics, want one", id, len(list))
		return
	}
	metric := list[0].(map[string]any)
	r.want(id+": namespace", metric["MetricNamespace"], any("Latchkey/latchkey"))
	pattern, _ := get("FilterPattern").(string)
	name := fmt.Sprint(metric["MetricName"])
	if counted[name] == nil {
		counted[name] = map[string]string{}
	}
	var terms []string
	for _, m := range outcomePattern.FindAllStringSubmatch(pattern, -1) {
		terms = append(terms, m[0])
		counted[name][m[1]] = fmt.Sprint(metric["MetricValue"])
	}
	if name == "StoreDown" {
		terms = append(terms, `$.cause = "`+staleSecret+`*"`)
	}
	r.want(id+": pattern", pattern, "{ "+strings.Join(terms, " || ")+" }")
}

// TestAlarmsCountWhatTheCodeLogs_P17 looks for each outcome that a metric
// filter counts in the sources: one that was renamed there, or that nothing
// refuses with any more, would leave its alarm silent for ever.
func TestAlarmsCountWhatTheCodeLogs_P17(t *testing.T) {
	sources := sourcesOf(t, "pkg")
	logged, counted := outcomesOf(t, sources), map[string]bool{}
	for _, m := range outcomePattern.FindAllStringSubmatch(readDeployment(t).template, -1) {
		if counted[m[1]] = true; !logged[m[1]] {
			t.Errorf("no package logs the outcome %s", m[1])
		}
	}
	want := map[string]bool{}
	for _, of := range wantCounted {
		for code := range of {
			want[code] = true
		}
	}
	lines := map[string]bool{}
	for _, functions := range met {
		for _, codes := range functions {
			for _, code := range codes {
				lines[code] = true
			}
		}
	}
	if len(want) != 9 || !maps.Equal(want, counted) || !maps.Equal(want, lines) {
		t.Errorf("the filters count %v and the walks meet %v, want the nine of %v", counted, lines, want)
	}
	if !strings.Contains(sources["store/awssecret/reading.go"], `slog.String("cause", "`+staleSecret) {
		t.Errorf("no line says that %s", staleSecret)
	}
	for _, word := range []string{"no_such_outcome", "error_description", "outcome", "not_before"} {
		if logged[word] {
			t.Errorf("%s passes for an outcome", word)
		}
	}
	for _, c := range []struct{ file, old, new, gone string }{
		{"oauth/error.go", `StateUsed           Code = "state_used"`, `StateUsed           Code = "state_spent"`, "state_used"},
		{"rp/claim.go", "Code: oauth.StateUsed", "Code: oauth.StateUnknown", "state_used"},
		{"token/reply.go", "return codeReplayed", "return refreshReused", "code_replayed"},
		{"token/reply.go", `refreshReused = "refresh_reused"`, `refreshReused = "reused"`, "refresh_reused"},
		{"rp/logout.go", `slog.String("outcome", "logged_out")`, `slog.String("did", "logged_out")`, "logged_out"},
	} {
		t.Run(c.gone, func(t *testing.T) {
			text, there := sources[c.file]
			if !there || !strings.Contains(text, c.old) || !logged[c.gone] {
				t.Fatalf("nothing to change: no %q in %s", c.old, c.file)
			}
			planted := maps.Clone(sources)
			planted[c.file] = strings.Replace(text, c.old, c.new, 1)
			if outcomesOf(t, planted)[c.gone] {
				t.Error("not noticed")
			}
		})
	}
}

// thresholdProblems compares the runbook with the thresholds: from two on, the
// number stands in what the alarm means.
func thresholdProblems(text string) []string {
	words := map[int]string{5: "five", 10: "ten"}
	var problems []string
	for _, row := range rows(text, "alarm") {
		id := strings.Trim(row[0], "`")
		said := regexp.MustCompile(`\b(two|three|four|five|ten|twenty|fifty|a hundred)\b`).FindAllString(row[1], -1)
		var want []string
		if n := wantThresholds[id]; n > 1 {
			want = []string{words[n]}
		}
		if !slices.Equal(said, want) {
			problems = append(problems, fmt.Sprintf("%s rings from %d on, the runbook says %q", id, wantThresholds[id], said))
		}
	}
	if !strings.Contains(section(text, "Alarms"), "Each looks at five minutes") { // wantMetrics has 300 seconds
		problems = append(problems, "the runbook does not say how long an alarm looks at")
	}
	return problems
}

func TestRunbookSaysWhenAnAlarmRings_P17(t *testing.T) {
	text := read(t, "docs/operations.md")
	for _, problem := range thresholdProblems(text) {
		t.Error(problem)
	}
	for _, c := range [][2]string{
		{"answered five requests or more", "answered fifty requests or more"}, {"requests ten times or more", "requests"},
		{"or five finished logins", "or ten finished logins"}, {"at five minutes", "at one minute"},
	} {
		if len(thresholdProblems(withFault(t, text, "## Alarms", c[0], c[1]))) == 0 {
			t.Errorf("not noticed: %s", c[1])
		}
	}
}

// alarmMutations are faults in what watches the stack.
var alarmMutations = []mutation{
	{"an alarm that tells nobody", template, "\n  StoreDown:", ", AlarmActions: [!Ref AlarmTopic]", "", "StoreDown: actions"},
	{"an alarm whenever nothing happens", template, "\n  Errors5xx:", "notBreaching", "breaching", "Errors5xx: missing data"},
	{"an alarm for everybody", template, "\n  ProviderDown:", "Condition: Alarms, ", "", "is not there under these conditions"},
	{"an alarm less", template, "\n  RefreshFamilyRevoked:", "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "alarms"},
	{"an alarm after the hundredth", template, "\n  ConfigErrors:", "Threshold: 1}", "Threshold: 100}", "ConfigErrors: threshold"},
	{"the metric of REST APIs", template, "\n  Errors5xx:", "MetricName: 5xx", "MetricName: 5XXError", "Errors5xx: metrics"},
	{"every API of the account", template, "\n  Errors5xx:", " Dimensions: [{Name: ApiId, Value: !Ref Api}],", "", "Errors5xx: metrics"},
	{"a function that is not watched", template, "\n  FunctionThrottles:", "Value: !Ref Refresh}", "Value: !Ref Logout}", "FunctionThrottles: metrics"},
	{"an index that is not watched", template, "\n  TableThrottles:", "Value: by_user}", "Value: by_name}", "TableThrottles: metrics"},
	{"a metric that nothing counts", template, "\n  StoreDown:", "MetricName: StoreDown", "MetricName: StoreErrors", "StoreDown: metrics"},
	{"an outcome of another spelling", template, "\n  CodeReplays:", `"code_replayed"`, `"code_replay"`, "what the alarms count"},
	{"a pattern of another attribute", template, "\n  RefreshReuse:", "$.outcome", "$.result", "RefreshReuse: pattern"},
	{"nobody hears of a secret that cannot be read", template, "\n  StoreErrorLines:", ` || $.cause = "a secret was not read again*"`, "", "StoreErrorLines: pattern"},
	{"the access log", template, "\n  LoginReplays:", "!Ref FunctionLogs", "!Ref ApiLogs", "LoginReplays: log group"},
	{"a replayed code that counts little", template, "\n  CodeReplays:", "MetricValue: '5'", "MetricValue: '1'", "what the alarms count"},
	{"a subscription without an address", template, "\n  AlarmSubscription:", "Condition: HasAlarmEmail", "Condition: Alarms", "subscriptions"},
	{"no topic to subscribe to", template, "Outputs:", "  AlarmTopicArn:", "  AlarmTopic:", "outputs"},
}

package stack

import (
	"fmt"
	"iter"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// noValue is what !Ref AWS::NoValue resolves to: the key or the list element
// that holds it is left out.
type noValue struct{}

type resolver struct {
	values     Values
	root       *yaml.Node
	parameters map[string]string
	deciding   map[string]bool // conditions being evaluated, against cycles
}

// intrinsic splits a node that calls an intrinsic function, in the short form
// (!Sub x) or the long one (Fn::Sub: x), into the function and its argument.
func intrinsic(n *yaml.Node) (name string, arg *yaml.Node, ok bool) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		plain := *n
		plain.Tag = ""
		return n.Tag[1:], &plain, true
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 {
		key := n.Content[0].Value
		if rest, found := strings.CutPrefix(key, "Fn::"); found {
			return rest, n.Content[1], true
		}
		if key == "Ref" || (key == "Condition" && n.Content[1].Kind == yaml.ScalarNode) {
			return key, n.Content[1], true
		}
	}
	return "", nil, false
}

// value resolves a node to a string, int, float64, bool, []any, map[string]any
// or noValue.
func (r *resolver) value(n *yaml.Node) (any, error) {
	if name, arg, ok := intrinsic(n); ok {
		return r.call(name, arg)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return nil, fmt.Errorf("line %d: an alias, which CloudFormation does not know", n.Line)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			v, err := r.value(c)
			if err != nil {
				return nil, err
			}
			if v != (noValue{}) {
				list = append(list, v)
			}
		}
		return list, nil
	case yaml.MappingNode:
		m := map[string]any{}
		for key, c := range pairs(n) {
			v, err := r.value(c)
			if err != nil {
				return nil, err
			}
			if _, gone := v.(noValue); !gone {
				m[key] = v
			}
		}
		return m, nil
	default:
		var v any
		if err := n.Decode(&v); err != nil {
			return nil, fmt.Errorf("line %d: %w", n.Line, err)
		}
		return v, nil
	}
}

func (r *resolver) call(name string, arg *yaml.Node) (any, error) {
	switch name {
	case "Ref":
		return r.ref(arg.Value)
	case "GetAtt":
		path := arg.Value
		if arg.Kind == yaml.SequenceNode && len(arg.Content) == 2 {
			path = arg.Content[0].Value + "." + arg.Content[1].Value
		}
		return r.attribute(path)
	case "Sub":
		return r.sub(arg)
	case "If":
		if arg.Kind != yaml.SequenceNode || len(arg.Content) != 3 {
			return nil, fmt.Errorf("line %d: If needs three arguments", arg.Line)
		}
		yes, err := r.condition(arg.Content[0].Value)
		if err != nil {
			return nil, err
		}
		if yes {
			return r.value(arg.Content[1])
		}
		return r.value(arg.Content[2])
	}
	return nil, fmt.Errorf("line %d: the function %s is not understood here", arg.Line, name)
}

func (r *resolver) ref(name string) (any, error) {
	switch name {
	case "AWS::NoValue":
		return noValue{}, nil
	case "AWS::Region":
		return r.values.Region, nil
	case "AWS::AccountId":
		return r.values.Account, nil
	case "AWS::StackName":
		return r.values.StackName, nil
	case "AWS::Partition":
		return "aws", nil
	case "AWS::URLSuffix":
		return "amazonaws.com", nil
	}
	if v, ok := r.parameters[name]; ok {
		return v, nil
	}
	if api, found := strings.CutSuffix(name, ".Stage"); found {
		return r.stage(api)
	}
	resource, err := r.resource(name)
	if err != nil {
		return nil, err
	}
	switch kind := child(resource, "Type").Value; {
	case kind == "AWS::Serverless::HttpApi":
		return r.values.APIID, nil
	case kind == "AWS::DynamoDB::Table":
		return r.table(name), nil
	case kind == "AWS::SecretsManager::Secret" && !r.values.samLocal:
		return "arn:aws:secretsmanager:" + r.values.Region + ":" + r.values.Account + ":secret:" + name + "-AbCdEf", nil
	case kind == "AWS::SNS::Topic" && !r.values.samLocal:
		return "arn:aws:sns:" + r.values.Region + ":" + r.values.Account + ":" + name, nil
	case named[kind] != "":
		if n := child(child(resource, "Properties"), named[kind]); n != nil {
			return r.value(n)
		}
	}
	return name, nil
}

// named are the properties that !Ref of a type gives.
var named = map[string]string{"AWS::Logs::LogGroup": "LogGroupName", "AWS::ApiGatewayV2::DomainName": "DomainName"}

// resource is a resource that is there under the conditions.
func (r *resolver) resource(name string) (*yaml.Node, error) {
	n := child(child(r.root, "Resources"), name)
	if n == nil {
		return nil, fmt.Errorf("nothing is named %s", name)
	}
	if there, err := r.there(n); err != nil || !there {
		return nil, firstOf(err, fmt.Errorf("%s is not there under these conditions", name))
	}
	return n, nil
}

// stage is !Ref of the stage that SAM makes for an HTTP API.
func (r *resolver) stage(api string) (any, error) {
	n, err := r.resource(api)
	if err != nil {
		return nil, err
	}
	if kind := child(n, "Type").Value; kind != "AWS::Serverless::HttpApi" {
		return nil, fmt.Errorf("%s is no HTTP API and has no stage", api)
	}
	if s := child(child(n, "Properties"), "StageName"); s != nil {
		return r.value(s)
	}
	return "$default", nil
}

// table is what !Ref of a table gives.
func (r *resolver) table(id string) string {
	if name := r.values.Tables[id]; name != "" {
		return name
	}
	for other, n := range pairs(child(r.root, "Resources")) {
		if kind := child(n, "Type"); kind == nil || kind.Value != "AWS::DynamoDB::Table" {
			continue
		}
		if other == id && r.values.Table != "" {
			return r.values.Table
		}
		break
	}
	return id
}

// attribute resolves Resource.Arn; the rest of the ARN's form does not matter
// to any reader, so it names the type only. Of a domain name it knows where to
// point DNS.
func (r *resolver) attribute(path string) (any, error) {
	name, attribute, _ := strings.Cut(path, ".")
	resource, err := r.resource(name)
	if err != nil {
		return nil, err
	}
	kind := child(resource, "Type").Value
	switch {
	case kind == "AWS::ApiGatewayV2::DomainName" && attribute == "RegionalDomainName":
		return "d-" + strings.ToLower(name) + ".execute-api." + r.values.Region + ".amazonaws.com", nil
	case kind == "AWS::ApiGatewayV2::DomainName" && attribute == "RegionalHostedZoneId":
		return "ZREGIONAL", nil
	case attribute != "Arn":
		return nil, fmt.Errorf("the attribute %s is not understood here", path)
	}
	ref, err := r.ref(name)
	if err != nil {
		return nil, err
	}
	service := strings.ToLower(strings.Split(kind, "::")[1])
	return fmt.Sprintf("arn:aws:%s:%s:%s:%v", service, r.values.Region, r.values.Account, ref), nil
}

var placeholder = regexp.MustCompile(`\$\{([^!][^}]*)\}`)

func (r *resolver) sub(arg *yaml.Node) (any, error) {
	if arg.Kind != yaml.ScalarNode {
		return nil, fmt.Errorf("line %d: Sub with a map is not understood here", arg.Line)
	}
	var failed error
	text := placeholder.ReplaceAllStringFunc(arg.Value, func(m string) string {
		name := m[2 : len(m)-1]
		resolve := r.ref
		if strings.Contains(name, ".") {
			resolve = r.attribute
		}
		v, err := resolve(name)
		if err != nil {
			failed = err
		}
		return fmt.Sprint(v)
	})
	return text, failed
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// child is the value of a key of a mapping, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	for k, v := range pairs(n) {
		if k == key {
			return v
		}
	}
	return nil
}

// pairs walks a mapping in the order of its text; nil has none.
func pairs(n *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i].Value, n.Content[i+1]) {
				return
			}
		}
	}
}

func items(n *yaml.Node) []*yaml.Node {
	if n == nil {
		return nil
	}
	return n.Content
}

package stack

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// reply is a function's answer in payload format 2.0, which knows no
// multiValueHeaders.
type reply struct {
	StatusCode      *int              `json:"statusCode"`
	Headers         map[string]string `json:"headers"`
	Cookies         []string          `json:"cookies"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

// responseTo turns a function's answer into the response that API Gateway
// sends. JSON without a statusCode is a body with status 200; an error means
// that API Gateway cannot make anything of it.
func responseTo(r *http.Request, answer []byte, id string) (*http.Response, error) {
	if !json.Valid(answer) {
		return nil, fmt.Errorf("the reply is not JSON: %.200q", answer)
	}
	header := http.Header{"Apigw-Requestid": {id}}
	var v reply
	isObject := bytes.HasPrefix(bytes.TrimSpace(answer), []byte("{"))
	if isObject {
		if err := json.Unmarshal(answer, &v); err != nil {
			return nil, fmt.Errorf("the reply is not of payload format 2.0: %w", err)
		}
	}
	if v.StatusCode == nil {
		header.Set("Content-Type", "application/json")
		return respond(r, http.StatusOK, header, answer), nil
	}
	if *v.StatusCode < 200 || *v.StatusCode > 599 {
		return nil, fmt.Errorf("the reply has status %d", *v.StatusCode)
	}
	body := []byte(v.Body)
	if v.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(v.Body); err != nil {
			return nil, fmt.Errorf("the reply's body is not base64: %w", err)
		}
	}
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	for _, cookie := range v.Cookies {
		header.Add("Set-Cookie", cookie)
	}
	return respond(r, *v.StatusCode, header, body), nil
}

// refusal is one of the gateway's own answers.
func refusal(r *http.Request, status int, message, id string) *http.Response {
	body := fmt.Appendf(nil, `{"message":%q}`, message)
	return respond(r, status, http.Header{"Content-Type": {"application/json"}, "Apigw-Requestid": {id}}, body)
}

func respond(r *http.Request, status int, header http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

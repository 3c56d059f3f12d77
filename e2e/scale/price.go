package scale

// Prices are in USD: inputs of the model, and no promise that they are
// anybody's today.
type Prices struct {
	API        float64 // a request of the HTTP API
	Invocation float64 // a request of Lambda
	GBSecond   float64 // of Lambda on arm64
	Write      float64 // a write unit on demand
	Read       float64 // a read unit on demand
	LogGB      float64 // taken in by CloudWatch Logs
	OutGB      float64 // sent out
	GBMonth    float64 // kept in DynamoDB
}

// Assumed are list prices of us-east-1 as public pages had them in November
// 2026, without a free tier and without a discount for large amounts.
var Assumed = Prices{
	API: 1.00e-6, Invocation: 0.20e-6, GBSecond: 0.0000133334,
	Write: 0.625e-6, Read: 0.125e-6, LogGB: 0.50, OutGB: 0.09, GBMonth: 0.25,
}

// Cost is a sum, by what is paid for, in USD.
type Cost struct {
	API, Lambda, Writes, Reads, Logs, Out, Rest float64
}

// Sum is all of it.
func (c Cost) Sum() float64 { return c.API + c.Lambda + c.Writes + c.Reads + c.Logs + c.Out + c.Rest }

// Cost is the formula of the README. Its KB are of 1000 bytes, a millionth of
// a GB.
func (p Prices) Cost(n Need) Cost {
	return Cost{
		API:    p.API * n.API,
		Lambda: p.Invocation*n.Invocations + p.GBSecond*n.GBSeconds,
		Writes: p.Write * n.WriteUnits(),
		Reads:  p.Read * n.ReadUnits(),
		Logs:   p.LogGB * n.LogKB / 1e6,
		Out:    p.OutGB * n.OutKB / 1e6,
		Rest:   p.GBMonth * n.RestKB / 1e6 / month,
	}
}

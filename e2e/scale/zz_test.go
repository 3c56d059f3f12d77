package scale_test
import ("testing";"fmt")
func TestPrint(t *testing.T){ for d,ts := range documents(){ fmt.Println("##",d); for _,x := range ts { fmt.Println(line(x.head)); for _,r := range x.rows { fmt.Println(line(r)) }; fmt.Println() } } }

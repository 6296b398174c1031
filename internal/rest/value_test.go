package rest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// valueTest is a value of a field as it stands in a path or a query.
type valueTest struct {
	value string
	want  string // Its JSON; "" when it is refused.
}

// intTests returns the cases of any integer with a sign, and more.
func intTests(more ...valueTest) []valueTest {
	return append(more, []valueTest{
		{"0", "0"},
		{"7", "7"},
		{"-7", "-7"},
		{"", ""},
		{"-", ""},
		{"-0", ""},
		{"+7", ""},
		{"07", ""},
		{" 7", ""},
		{"7 ", ""},
		{"7.0", ""},
		{"1e2", ""},
		{"0x10", ""},
		{"1_000", ""},
		{"٧", ""},
		{"null", ""},
		{"true", ""},
		{`"7"`, ""},
		{"7,\"id\":\"x\"", ""},
		{"\xff", ""},
	}...)
}

// uintTests returns the cases of any integer without a sign, and more.
func uintTests(more ...valueTest) []valueTest {
	return append(more, []valueTest{
		{"0", "0"},
		{"7", "7"},
		{"", ""},
		{"-7", ""},
		{"-0", ""},
		{"+7", ""},
		{"07", ""},
		{"7.0", ""},
		{"1e2", ""},
		{"null", ""},
	}...)
}

// floatTests returns the cases of any floating-point number, and more.
func floatTests(more ...valueTest) []valueTest {
	return append(more, []valueTest{
		{"0", "0"},
		{"-0.5", "-0.5"},
		{"1e2", "1e2"},
		{"1E-2", "1E-2"},
		{"NaN", `"NaN"`},
		{"Infinity", `"Infinity"`},
		{"-Infinity", `"-Infinity"`},
		{"", ""},
		{"+1", ""},
		{".5", ""},
		{"5.", ""},
		{"01", ""},
		{"1e", ""},
		{"0x1p4", ""},
		{"1_0", ""},
		{" 1", ""},
		{"1 ", ""},
		{"nan", ""},
		{"inf", ""},
		{"Inf", ""},
		{"null", ""},
		{"[1]", ""},
		{`"1"`, ""},
		{"1e999", ""},
	}...)
}

// valueTests returns the cases of every kind that a path or a query can have.
func valueTests() map[protoreflect.Kind][]valueTest {
	int32Limits := []valueTest{
		{"2147483647", "2147483647"}, {"-2147483648", "-2147483648"}, {"2147483648", ""}, {"-2147483649", ""},
	}
	int64Limits := []valueTest{
		{"9223372036854775807", `"9223372036854775807"`},
		{"-9223372036854775808", `"-9223372036854775808"`},
		{"9223372036854775808", ""},
		{"-9223372036854775809", ""},
	}
	uint32Limits := []valueTest{{"4294967295", "4294967295"}, {"4294967296", ""}}
	uint64Limits := []valueTest{{"18446744073709551615", `"18446744073709551615"`}, {"18446744073709551616", ""}}
	return map[protoreflect.Kind][]valueTest{
		protoreflect.BoolKind: {
			{"true", "true"},
			{"false", "false"},
			{"", ""},
			{"True", ""},
			{"1", ""},
			{"0", ""},
			{"yes", ""},
			{"true ", ""},
			{"null", ""},
		},
		protoreflect.Int32Kind:    intTests(int32Limits...),
		protoreflect.Sint32Kind:   intTests(int32Limits...),
		protoreflect.Sfixed32Kind: intTests(int32Limits...),
		protoreflect.Int64Kind:    quoted(intTests(int64Limits...)),
		protoreflect.Sint64Kind:   quoted(intTests(int64Limits...)),
		protoreflect.Sfixed64Kind: quoted(intTests(int64Limits...)),
		protoreflect.Uint32Kind:   uintTests(uint32Limits...),
		protoreflect.Fixed32Kind:  uintTests(uint32Limits...),
		protoreflect.Uint64Kind:   quoted(uintTests(uint64Limits...)),
		protoreflect.Fixed64Kind:  quoted(uintTests(uint64Limits...)),
		protoreflect.FloatKind:    floatTests(valueTest{"1e39", ""}),
		protoreflect.DoubleKind:   floatTests(valueTest{"1e39", "1e39"}),
		protoreflect.EnumKind: {
			{"COLOR_RED", `"COLOR_RED"`},
			{"1", "1"},
			{"-1", "-1"},
			{"99", "99"},
			{"", ""},
			{"RED", ""},
			{"color_red", ""},
			{"1.0", ""},
			{"2147483648", ""},
			{"null", ""},
		},
		protoreflect.StringKind: {
			{"plain", `"plain"`},
			{"", `""`},
			{"null", `"null"`},
			{"7", `"7"`},
			{`"`, `"\""`},
			{`\`, `"\\"`},
			{`","id":"x`, `"\",\"id\":\"x"`},
			{"é😀", `"é😀"`},
			{"\x00\x1f\n", `"\u0000\u001f\n"`},
			{"<", `"\u003c"`},
			{">", `"\u003e"`},
			{"&", `"\u0026"`},
			{"\u2028", `"\u2028"`},
			{"\xff", ""},
			{"a\xc3", ""},
			{"\xed\xa0\x80", ""},
			{"\xc0\x80", ""},
		},
		protoreflect.BytesKind: {
			{"aGk=", `"aGk="`},
			{"-_8", `"-_8"`},
			{"", `""`},
			{"\xff", ""},
		},
	}
}

// quoted returns the tests of numbers as those of numbers that stand in
// strings.
func quoted(tests []valueTest) []valueTest {
	out := make([]valueTest, len(tests))
	for i, test := range tests {
		if test.want != "" {
			test.want = `"` + strings.Trim(test.want, `"`) + `"`
		}
		out[i] = test
	}
	return out
}

func TestQueryValue(t *testing.T) {
	t.Parallel()
	service := items(t)
	fields := service.Methods().ByName("List").Input().Fields()
	for kind, tests := range valueTests() {
		field := fields.ByName(protoreflect.Name(kind.String() + "_field"))
		for _, test := range tests {
			t.Run(kind.String()+" "+test.value, func(t *testing.T) {
				t.Parallel()
				target := "/v1/items?" + field.JSONName() + "=" + url.QueryEscape(test.value)
				got := serve(t, service, newRequest(t, http.MethodGet, target, ""))
				checkValue(t, got, field, test)
			})
		}
	}
}

func TestPathValue(t *testing.T) {
	t.Parallel()
	for kind, tests := range valueTests() {
		name := kind.String() + "_field"
		service := newService(t, method{name: "Get", rule: get("/v1/{" + name + "}")})
		field := service.Methods().ByName("Get").Input().Fields().ByName(protoreflect.Name(name))
		for _, test := range tests {
			if test.value == "" {
				continue // Not a path.
			}
			t.Run(kind.String()+" "+test.value, func(t *testing.T) {
				t.Parallel()
				got := serve(t, service, newRequest(t, http.MethodGet, "/v1/"+escapeSegment(test.value), ""))
				checkValue(t, got, field, test)
			})
		}
	}
}

// checkValue shows that a value reached the message as the member that is
// wanted, and that protojson reads it, or that it was refused.
func checkValue(t *testing.T, got outcome, field protoreflect.FieldDescriptor, test valueTest) {
	t.Helper()
	if test.want == "" {
		if got.status() != http.StatusBadRequest {
			t.Fatalf("status %d and body %s, want 400", got.status(), got.body)
		}
		if !strings.Contains(got.message(), `"`+field.JSONName()+`" must be`) {
			t.Errorf("message %q says not what %s must be", got.message(), field.JSONName())
		}
		return
	}
	want := `{"` + field.JSONName() + `":` + test.want + `}`
	if got.status() != http.StatusOK || got.body != want {
		t.Fatalf("status %d (%s), body %s, want %s", got.status(), got.message(), got.body, want)
	}
	message := dynamicpb.NewMessage(field.ContainingMessage())
	if err := protojson.Unmarshal([]byte(got.body), message); err != nil {
		t.Errorf("protojson refuses %s: %v", got.body, err)
	}
}

func TestEveryKindHasValueTests(t *testing.T) {
	t.Parallel()
	tests := valueTests()
	fields := items(t).Methods().ByName("List").Input().Fields()
	for i := range fields.Len() {
		kind := fields.Get(i).Kind()
		if _, ok := tests[kind]; !ok && kind != protoreflect.MessageKind {
			t.Errorf("no test has a value of a %s field", kind)
		}
	}
}

package main

import (
	"strings"
	"testing"
)

func TestAComparisonSaysTheNumbersOfBoth(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := writeComparisons(&b, small(), []comparison{{
		combination: combination{scenarios()[0], grpc, 16},
		first:       sample{rate: 1000, p50: 1, p99: 20, serviceCPU: 0.05, postgresCPU: 0.007, memory: 40},
		second:      sample{rate: 1200, p50: 0.5, p99: 10, serviceCPU: 0.04, postgresCPU: 0.008, memory: 39},
		part:        1.25,
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "| get | gRPC | 16 | 1000, 1200 | 125 % | 1.000, 0.500 | 20.0, 10.0 | 0.050, 0.040 | 0.007, 0.008 | 40, 39 |\n"
	if !strings.HasSuffix(b.String(), want) {
		t.Errorf("%swant as its last line\n%s", b.String(), want)
	}
}

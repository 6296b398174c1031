package main

import (
	"strings"
	"testing"

	"example.com/todo-backend/bench/internal/load"
)

func TestAComparisonSaysTheNumbersOfBoth(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := writeComparisons(&b, []comparison{{
		combination: combination{scenarios()[0], load.GRPC, 16},
		first:       sample{Rate: 1000, P50: 1, P99: 20, ServiceCPU: 0.05, PostgresCPU: 0.007, Memory: 40},
		second:      sample{Rate: 1200, P50: 0.5, P99: 10, ServiceCPU: 0.04, PostgresCPU: 0.008, Memory: 39},
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

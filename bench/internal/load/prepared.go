package load

// requests are the requests of a protocol, ready but for token and todo.
type requests struct {
	templates map[Operation]template
	paths     map[Operation]string // gRPC's.
	fields    [][]byte             // gRPC's header with the token, by user.
	tokens    []string
}

func prepare(t Target) requests {
	r := requests{templates: make(map[Operation]template), paths: make(map[Operation]string), tokens: t.Tokens}
	for _, op := range Operations() {
		if t.Protocol == GRPC {
			r.templates[op], r.paths[op] = grpcTemplate(op)
		} else {
			r.templates[op] = http1Template(t.Protocol, op, t.Addr)
		}
	}
	if t.Protocol == GRPC {
		r.fields = make([][]byte, len(t.Tokens))
		for i, token := range t.Tokens {
			r.fields[i] = tokenField(token)
		}
	}
	return r
}

func (r requests) http1(dst []byte, call Call) []byte {
	return r.templates[call.Operation].append(dst, r.tokens[call.User], call.Todo)
}

func (r requests) grpc(call Call) (path string, token []byte, message template) {
	return r.paths[call.Operation], r.fields[call.User], r.templates[call.Operation]
}

package load

import "encoding/binary"

// requests are the requests to a target, ready but for token and todo.
type requests struct {
	target    Target
	templates map[Operation]template
	paths     map[Operation]string // gRPC's.
	fields    [][]byte             // gRPC's header with the token, by user.
}

func prepare(t Target) requests {
	r := requests{target: t, templates: make(map[Operation]template), paths: make(map[Operation]string)}
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
	return r.templates[call.Operation].append(dst, r.target.Tokens[call.User], call.Todo)
}

func (r requests) grpc(call Call) (path string, token []byte, message template) {
	return r.paths[call.Operation], r.fields[call.User], r.templates[call.Operation]
}

// open returns what vegeta is to send to a URL: over HTTP/1.1 the whole
// request, headers included, over gRPC what unpack takes apart.
func (r requests) open(call Call) (url string, body []byte) {
	if r.target.Protocol != GRPC {
		return "http://" + r.target.Addr, r.http1(nil, call)
	}
	path, token, message := r.grpc(call)
	body = binary.BigEndian.AppendUint16(nil, uint16(len(token))) //nolint:gosec // G115: the service takes up to 8 KiB.
	body = append(body, token...)
	return "http://" + r.target.Addr + path, message.append(body, "", call.Todo)
}

// unpack returns the header with the token, and the message.
func unpack(body []byte) (token, message []byte) {
	n := int(binary.BigEndian.Uint16(body))
	return body[2 : 2+n], body[2+n:]
}

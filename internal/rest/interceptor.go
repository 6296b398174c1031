package rest

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Interceptor returns the interceptor that knows the messages behind REST responses. It sets
// the header ETag, and the ids of server-sent events. A [Transcoder] needs it on its RPC
// handler for ETag, If-None-Match and Last-Event-ID.
func Interceptor() connect.Interceptor { return interceptor{} }

type interceptor struct{}

// etagKey marks the context of a REST request whose response may have an ETag.
type etagKey struct{}

// eventsKey is the key of a REST request's *eventStream.
type eventsKey struct{}

// eventStream is what the interceptor needs of a stream.
type eventStream struct {
	writer *eventWriter
	id     protoreflect.Name // The field with the id of an event.
}

// WrapUnary sets the header ETag of responses to REST requests.
func (interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		res, err := next(ctx, req)
		if err != nil || ctx.Value(etagKey{}) == nil {
			return res, err
		}
		if etag := textOf(res.Any(), etagName); etag != "" {
			res.Header().Set("Etag", `"`+etag+`"`)
		}
		return res, nil
	}
}

// WrapStreamingHandler notes the id of each event.
func (interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		if events, ok := ctx.Value(eventsKey{}).(*eventStream); ok {
			conn = &eventConn{StreamingHandlerConn: conn, events: events}
		}
		return next(ctx, conn)
	}
}

// WrapStreamingClient implements [connect.Interceptor]; there are no clients.
func (interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// eventConn notes the id of each message before it is written.
type eventConn struct {
	connect.StreamingHandlerConn
	events *eventStream
}

func (c *eventConn) Send(message any) error {
	c.events.writer.id = textOf(message, c.events.id)
	return c.StreamingHandlerConn.Send(message) //nolint:wrapcheck // It is the call that this stands for.
}

// textOf returns the value of a message's string field, and "" when it has none.
func textOf(message any, name protoreflect.Name) string {
	msg, ok := message.(proto.Message)
	if !ok {
		return ""
	}
	reflected := msg.ProtoReflect()
	if field := stringField(reflected.Descriptor(), name); field != nil {
		return reflected.Get(field).String()
	}
	return ""
}

// stringField returns a message's field of one string, or nil when it has none of that
// name.
func stringField(message protoreflect.MessageDescriptor, name protoreflect.Name) protoreflect.FieldDescriptor {
	field := message.Fields().ByName(name)
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
		return nil
	}
	return field
}

// Todos in React, with connect-query: a cached, paged and refreshed list, and
// changes. docs/clients.md lists the packages.

import { createConnectQueryKey, TransportProvider, useInfiniteQuery, useMutation } from "@connectrpc/connect-query";
import { QueryClient, QueryClientProvider, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode, type SubmitEvent } from "react";
import { AccessTokens } from "./api/access-tokens.ts";
import { createAccount, type Account, type User } from "./api/account.ts";
import { authInterceptor } from "./api/auth-interceptor.ts";
import { failureOf } from "./api/failure.ts";
import { createTransport } from "./api/transport.ts";
import { TodoService } from "./gen/todo/v1/todo_pb.ts";

/** The whole page: signing in, and then the user's todos. */
export function App({ apiUrl, authUrl }: { apiUrl: string; authUrl: string }) {
  const [account] = useState(() => createAccount(authUrl));
  const [user, setUser] = useState<User>();
  useEffect(() => {
    account.user().then(setUser, () => {}); // On an error, show the sign-in form.
  }, [account]);
  if (!user) return <SignIn account={account} onUser={setUser} />;
  return (
    <Connection key={user.id} apiUrl={apiUrl} account={account} user={user}>
      <Todos />
    </Connection>
  );
}

/** Lets its children call the service as the user. */
function Connection(props: { apiUrl: string; account: Account; user: User; children: ReactNode }) {
  const [transport] = useState(() => {
    const tokens = new AccessTokens(props.user.id, () => props.account.token());
    return createTransport(props.apiUrl, "json", [authInterceptor(tokens)]);
  });
  const [queries] = useState(() => {
    // Only an unavailable service can recover by itself.
    const retry = (failures: number, error: Error) => failures < 3 && failureOf(error).kind === "away";
    return new QueryClient({ defaultOptions: { queries: { retry } } });
  });
  return (
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queries}>{props.children}</QueryClientProvider>
    </TransportProvider>
  );
}

/** The user's todos, newest first, in pages of 20. */
function Todos() {
  const list = useInfiniteQuery(
    TodoService.method.listTodos,
    { pageSize: 20, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined },
  );
  const queries = useQueryClient();
  const onSuccess = () =>
    queries.invalidateQueries({
      queryKey: createConnectQueryKey({ schema: TodoService.method.listTodos, cardinality: "infinite" }),
    });
  const create = useMutation(TodoService.method.createTodo, { onSuccess });
  const update = useMutation(TodoService.method.updateTodo, { onSuccess });
  const remove = useMutation(TodoService.method.deleteTodo, { onSuccess });
  const error = list.error ?? create.error ?? update.error ?? remove.error;

  function add(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    // With an id of its own, the request is safe to repeat.
    const id = crypto.randomUUID();
    create.mutate({ id, title: textOf(form, "title") }, { onSuccess: () => form.reset() });
  }

  return (
    <>
      <form onSubmit={add}>
        <input name="title" aria-label="What is to be done" required maxLength={500} />
        <button disabled={create.isPending}>Add</button>
      </form>
      {error && <p role="alert">{failureOf(error).message}</p>}
      <ul>
        {list.data?.pages.flatMap((page) =>
          page.todos.map(({ id, title, isCompleted }) => (
            <li key={id}>
              <label>
                <input type="checkbox" checked={isCompleted} onChange={() => update.mutate({ id, isCompleted: !isCompleted })} />
                {title}
              </label>
              <button onClick={() => remove.mutate({ id })}>Delete</button>
            </li>
          )),
        )}
      </ul>
      {list.hasNextPage && <button onClick={() => list.fetchNextPage()}>More</button>}
    </>
  );
}

/** Signs in, or up. */
function SignIn({ account, onUser }: { account: Account; onUser: (user: User) => void }) {
  const [message, setMessage] = useState("");

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const [email, password] = [textOf(form, "email"), textOf(form, "password")];
    const signUp = (event.nativeEvent.submitter as HTMLButtonElement | null)?.value === "up";
    (signUp ? account.signUp(email, email, password) : account.signIn(email, password)).then(onUser, (error: unknown) =>
      setMessage(failureOf(error).message),
    );
  }

  return (
    <form onSubmit={submit}>
      <input name="email" type="email" aria-label="Email" autoComplete="username" required />
      <input name="password" type="password" aria-label="Password" autoComplete="current-password" required />
      <button>Sign in</button>
      <button value="up">Sign up</button>
      {message && <p role="alert">{message}</p>}
    </form>
  );
}

/** Returns the value of a form's field. */
function textOf(form: HTMLFormElement, name: string): string {
  return String(new FormData(form).get(name) ?? "");
}

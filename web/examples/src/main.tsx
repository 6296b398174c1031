import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const { VITE_API_URL: apiUrl = "http://localhost:8080", VITE_AUTH_URL: authUrl = "http://localhost:8081" } = import.meta.env;

createRoot(document.body.appendChild(document.createElement("main"))).render(<App apiUrl={apiUrl} authUrl={authUrl} />);

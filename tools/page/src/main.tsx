import { render } from "preact";
import { App } from "./app";
import { open } from "./source";
import "./style.css";

render(<App source={open()} />, document.getElementById("page")!);

import { render } from "preact";
import { App } from "./app";
import { inside, open } from "./source";
import "./style.css";
import { Curves, type CurvesData } from "./views/curves";

const data = inside<{ kind?: string }>();
const curves = data?.kind === "curves" ? (data as CurvesData) : null;
render(curves ? <Curves data={curves} /> : <App source={open()} />, document.getElementById("page")!);

import { render } from "preact";
import { App } from "./app";
import { inside, open } from "./source";
import type { ReportData } from "./static";
import "./style.css";
import { Curves, type CurvesData } from "./views/curves";

const data = inside<CurvesData | (ReportData & { kind?: undefined })>();
const page = data?.kind === "curves" ? <Curves data={data} /> : <App source={open(data)} />;
render(page, document.getElementById("page")!);

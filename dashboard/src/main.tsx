import { render } from "preact";

import { App } from "./app";
import { keepClock } from "./clock";
import { keepHealth, keepTime } from "./data/store";
import { keepStream } from "./data/stream";
import { keepKeys } from "./keyboard";
import { offerProbe } from "./probe";
import { keepAddress } from "./state";
import "./style.css";

keepAddress();
keepClock();
keepTime();
keepHealth();
keepStream();
keepKeys();
offerProbe();
render(<App />, document.getElementById("page")!);

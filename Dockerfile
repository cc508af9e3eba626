FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# In a container the warehouse is a Postgres of its own, so the embedded one stays out.
RUN npm ci --omit=optional
COPY . .
RUN npm run build && npm prune --omit=dev --omit=optional

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/examples ./examples
# A named volume mounted here starts with this owner.
RUN install -d -o node -g node /data
USER node
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["--help"]
